"""What does a second direction add?"""

from __future__ import annotations

from core.experiments.two_sided_context import TWO_SIDED_CONTEXT
from core.formatting import listed
from dashboard.figures.base import Measure, Shown, measures
from dashboard.figures.context import Control, Generating
from dashboard.figures.dots import Dots
from dashboard.figures.leading import ACCURACY, PERCENT, TRAINING, leading
from dashboard.figures.lines import Curves
from dashboard.views.results.frame import numbers_set, results_page

METHOD = """
Tokens are drawn evenly, and every step has a tag. **Pair**: the present token and the token d steps
further on; both must be right. **Compare**: whether that token is smaller than the present one,
equal or larger. **Ahead**: that token alone. Steps at the end of a sequence that have no token so
far ahead are not counted. Networks are recurrent layers with a
linear readout at every step, one network for each look-ahead d and seed, all trained side by side
with Adam on sequences drawn afresh, each on its own loss. A seed starts from the same weights at
every look-ahead. Accuracy is that of the final weights on test sequences that nothing else uses
(the training curves use 50 others); the band is Student's 95% interval over the seeds, or over the
test sequences of a single seed, cut off at 0 and 100%.

**Chance** is exact: the tokens read say nothing about a token to come, so the best answer guesses
it (*pair* and *ahead*: one in as many tokens as there are), or names the likeliest outcome for the
present token (*compare*). With d = 0 nothing has to be predicted.

Two controls separate seeing the token from capacity; both read in one direction. **Wider**: the
hidden size that brings the whole network, its recurrent layers and its readout, closest to the
parameters of the whole bidirectional form.
**Delayed**: the same network, but it tags a step d steps later, when it has read the token that is
needed. Under *pair* and *compare* it must by then have held the earlier token for d steps while it
read on. Read backwards in time, that is what the backward half of a bidirectional network does: it
holds the later token for d steps until it reads the earlier one. So the two face the same task, and
without memory the delayed network is at chance too. Where it does about as well with about half of
the parameters, sight of the token is all that one direction lacked. The control does not make a
second direction dispensable: an answer that comes d steps late is of no use where it is needed at
once. How far d may grow is a matter of memory, and alike for both. Under *ahead* the delayed
network may name the token that it reads at that very step: that needs no memory, so its 100% says
only that the token was seen.

**Generating**: a network that generates emits every token before the next one exists. So each
prefix of a test sequence was tagged as if it were the whole sequence, in float64, and compared with
the tags of the whole sequence: how many of them change? Whether a variant *generates* was asked of
this workbench's own decoder, and its answer is recorded verbatim.
"""

RULES = {
    "pair": "each tag is the present token and the one so many steps ahead",
    "ahead": "each tag is the token so many steps ahead",
    "compare": "each tag compares the token so many steps ahead with the present one",
}

FIGURES = (
    leading(TWO_SIDED_CONTEXT),
    Control(
        "At equal parameters",
        "wider",
        Curves("At equal parameters", "context", (ACCURACY,)),
        note=(
            "One direction is given the hidden size that brings the whole network closest to the "
            "parameters of the bidirectional form: it does not lack capacity."
        ),
    ),
    Control(
        "Answering later",
        "delayed",
        Curves("Answering later", "context", (ACCURACY,)),
        note=(
            "One direction tags a step only when it has read the token that is needed, as many "
            "steps later as it must look ahead. Under the rules pair and compare it must hold the "
            "earlier token until then, as the backward half of two directions holds the later one; "
            "under ahead it may name what it has just read."
        ),
    ),
    Generating(
        "Why it cannot generate",
        Curves("Why it cannot generate", "revisions", (Measure("revised", bounds=PERCENT),)),
        note=(
            "A generator must commit to each token before it sees the next. One-directional "
            "networks never change an earlier tag; bidirectional ones change most of them until "
            "they have read the token they need."
        ),
    ),
    TRAINING[TWO_SIDED_CONTEXT.name],
    Dots(
        "By variant",
        measures(
            "ahead_accuracy",
            "lowest_accuracy",
            "present_accuracy",
            "wider_accuracy",
            "delayed_accuracy",
            bounds=PERCENT,
        ),
    ),
)


def setup(shown: Shown) -> str:
    """The rule, the tokens, the training steps and the seeds."""
    rules = [RULES[str(rule)] for rule in dict.fromkeys(shown.setting_of_runs("rule").values())]
    seeds = numbers_set(shown, "seeds")
    return (
        f"Task: {listed(rules)}, {numbers_set(shown, 'tokens')} tokens. "
        f"{numbers_set(shown, 'training_steps')} training steps, "
        f"{seeds} seed{'' if seeds == '1' else 's'}."
    )


results_page(TWO_SIDED_CONTEXT, FIGURES, METHOD, setup=setup)
