"""What does reading in both directions buy?"""

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
Tokens are drawn evenly, and every step has a tag. **Ahead**: the token d steps further on.
**Compare**: whether that token is smaller than the present one, equal or larger. Steps at the end
of a sequence that have no token so far ahead are not counted. Networks are recurrent layers with a
linear readout at every step, one network for each look-ahead d and seed, all trained side by side
with Adam on sequences drawn afresh, each on its own loss. A seed starts from the same weights at
every look-ahead. Accuracy is that of the final weights on test sequences that nothing else uses
(the training curves use 50 others); the band is Student's 95% interval over the seeds, or over the
test sequences of a single seed, cut off at 0 and 100%.

**Chance** is exact: the tokens read say nothing about a token to come, so the best answer names
any token (*ahead*: one in as many as there are), or the likeliest outcome for the present token
(*compare*). With d = 0 nothing has to be predicted.

Two controls separate seeing the token from capacity; both read in one direction. **Wider**: the
hidden size that brings the whole network, its recurrent layers and its readout, closest to the
parameters of the whole bidirectional form.
**Delayed**: the same network, but it tags a step d steps later, when it has read the token that is
needed.

**Generating**: a network that generates emits every token before the next one exists. So each
prefix of a test sequence was tagged as if it were the whole sequence, in float64, and compared with
the tags of the whole sequence: how many of them change? Whether a variant *generates* was asked of
this workbench's own decoder, and its answer is recorded verbatim.
"""

RULES = {
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
            "steps later as it must look ahead: it lacked sight of that token."
        ),
    ),
    Generating(
        "Why it cannot generate",
        Curves("Why it cannot generate", "revisions", (Measure("revised", bounds=PERCENT),)),
        note=(
            "A token that was emitted cannot be revised. One direction never revises a tag; both "
            "directions do, mostly until the token that the tag needs is read."
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
