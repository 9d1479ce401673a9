"""How many things can it keep apart?"""

from __future__ import annotations

from core.experiments.recall import RECALL
from core.experiments.recall.declaration import longest_sequence
from core.formatting import listed
from dashboard.figures.base import Shown, measures
from dashboard.figures.dots import Dots
from dashboard.figures.leading import PERCENT, TRAINING, leading
from dashboard.figures.scatter import Scatter
from dashboard.views.results.frame import numbers_set, results_page

METHOD = """
Multi-query associative recall (Arora et al. 2023, "Zoology"): a sequence begins with pairs of a key
and a value, all different, drawn evenly. Then every key comes once more, and there the network
names the value that stood behind it. What follows the pairs is divided into slots of two tokens;
the keys take free ones one after the other, the *g*-th with a probability in proportion to *g* to
the power of *a* − 1. With the small *a* of the paper most are asked for soon. Between them are
blanks, or any tokens.

Networks are an embedding of the tokens, recurrent layers and a linear readout of the whole
vocabulary. A step reads the embeddings of its token and of those just before it (*tokens read*), as
the short convolutions of such models do: else one layer of attention could not know which key stood
before a value. The same network is trained on every number of pairs and every length, one of each
a batch, with Adam on sequences drawn afresh; the loss is that of the queries alone. Training ends
early when no seed makes a mistake on its validation sequences. Where no learning rate is set
several are tried, and each seed is judged at the one with which the *other* seeds are most accurate
on validation sequences.

Nothing else uses the test sequences. The **capacity** of a seed is the largest number of pairs such
that there and at every smaller one tried at least 90% of its answers are right in the longest
sequences; that of a run is what a majority of its seeds reached. It lies on the grid of numbers
tried and has no interval: the seeds are named. A bidirectional network may read on, which
is of no use: the pairs come first.

The references are exact. *Values alone*, the falling dotted line, is the best answer that knows the
set of values that came, and neither their keys nor their order. A little more than that needs no
keys either: earlier pairs tend to be asked for sooner, so that the order of the values says
something. The level dotted line is the best answer *without memory*: values are drawn without
regard to keys, so that the query alone says no more than *chance*, one in as many as there are
values.
"""

FILLERS = {"blank": "blanks", "random": "random tokens"}

FIGURES = (
    leading(RECALL),
    Scatter(
        "By state",
        x="carried",
        y="pairs",
        beyond="next_pairs",
        hovered=("accuracy", "most_accuracy", "parameters"),
    ),
    Scatter(
        "By parameters",
        x="parameters",
        y="pairs",
        beyond="next_pairs",
        hovered=("accuracy", "most_accuracy", "carried"),
    ),
    TRAINING[RECALL.name],
    Dots(
        "By variant",
        (*measures("pairs"), *measures("accuracy", "most_accuracy", bounds=PERCENT)),
    ),
)


def setup(shown: Shown) -> str:
    """The pairs, the lengths, the training steps and the seeds."""
    seeds = numbers_set(shown, "seeds")
    fillers = listed(sorted({FILLERS[str(v)] for v in shown.setting_of_runs("fillers").values()}))
    lengths = listed([f"{n:,}" for n in sorted({longest_sequence(r.settings) for r in shown.runs})])
    return (
        f"Up to {numbers_set(shown, 'most_pairs')} pairs in sequences of up to {lengths} tokens, "
        f"{fillers} between queries, at most {numbers_set(shown, 'training_steps')} training "
        f"steps, {seeds} seed{'' if seeds == '1' else 's'}."
    )


results_page(RECALL, FIGURES, METHOD, setup=setup)
