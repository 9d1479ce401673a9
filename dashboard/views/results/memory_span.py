"""How far back can it learn to look?"""

from __future__ import annotations

from core.experiments.memory_span import MEMORY_SPAN
from core.formatting import listed
from core.tasks.lag_shapes import LAG_WORDS
from dashboard.figures.base import Measure, Shown, measures
from dashboard.figures.dots import Dots
from dashboard.figures.heatmap import Attempts
from dashboard.figures.leading import PERCENT, POSITIVE, leading, symbol_chance
from dashboard.figures.lines import Curves
from dashboard.figures.scatter import Scatter
from dashboard.views.results.frame import numbers_set, results_page

METHOD = """
**Recall**: one symbol is shown, as many steps of noise follow as the lag says, and the last output
must name it: it lies the lag back. **Adding** (Hochreiter & Schmidhuber 1997): in a sequence of T
random numbers one of each half is marked, and the last output must be their sum. Its lag is the
length T, not a distance: the older number lies T/2 to T - 1 steps back, on average about 3T/4 (74.5
at T = 100). **Copy** (Arjovsky et al. 2016): ten symbols are shown, a delimiter follows the lag
after the last of them, and they must be written out in order: each is held for lag + 10 steps. The
table by lag has these distances as *steps back*.

At every lag each seed starts again from the same weights of its own and is trained with Adam for at
most the stated number of steps, on sequences drawn afresh; its training ends when it has learned.
*Learned* means at least 90% of the symbols right (for adding, a squared error below 0.01) on
validation sequences, and at once also on test sequences that nothing else uses. Lags grow by 1,
1.5, 2, 3, 5, 7, 10 …; once no majority of the seeds learned at as many lags in a row as *give up*
says, longer ones are not tried.

Where no learning rate is set, several are tried at the same lags. One is dropped as soon as most
seeds fail with it at a lag that they learn with another. Each seed is judged at the one with which
the *other* seeds have the longest span on *validation* sequences; a tie goes to the one with the
fewest steps. If the seeds that are judged chose it themselves, luck would favour them: among three
equally good rates by about a third of the way to the next lag with five seeds, by a tenth with
twelve. Success is a share of seeds, too few for an interval.

The span of a seed is the largest lag such that it learned that lag and every shorter one tried: one
that failed lag 7 and learned lag 10 has span 5, and is named as learned out of order. The span of a
run is the largest that more than half of its seeds reached, where *success up to here* is above the
dotted line. It has no interval, because on a grid of lags none covers 95%: the spans of its seeds
are named. Without regard to shorter lags it is the *longest lag learned*. If every lag tried was
learned, the span is a lower bound. Spans are as fine as the lags tried: the true one lies below the
lag *not learned*. A seed whose loss was not finite at the lag that would end its span
has none, and is named.

The asymptotic half-life is measured on the very network that was trained: how many steps further
back halve what is left of the gradient of its last output, by a straight line from 10 to 60 steps
back, with its initial weights and after training. It is not the distance at which half is gone,
which may be shorter. A gradient that grows has an infinite half-life. At the span, it is that of
the networks trained there. A bidirectional network answers from its last output, where its second
direction has read one symbol: it has to remember as far as any other.

The references are exact: chance is one in the number of symbols, and the loss *without memory* is
that of the best answer that reads the last input alone (ln of the number of symbols; for adding
(1 - 1/T) / 6 at an even length T, where always answering 1 has 1/6; for copy
10 · ln(symbols) / (lag + 20)).
"""

FIGURES = (
    leading(MEMORY_SPAN),
    Scatter(
        "Half-life and span",
        x="half_life_end",
        y="span",
        before="half_life_start",
        beyond="next_lag",
        hovered=("reported_learning_rate", "steps_to_learn", "parameters"),
        diagonal="span = half-life",
        key="small: before training · large: after · bars: 95% intervals",
        note=(
            "Each line runs from the half-life before training (small dot) to after (large dot), "
            "at the span learned. Above the dotted line, less than half of the gradient survives "
            "the span."
        ),
    ),
    Curves(
        "Half-life by lag",
        "lags",
        (Measure("half_life_end", logarithm=True), Measure("half_life_start", logarithm=True)),
        sizes=True,
        key="half_life",
    ),
    Attempts(
        "By learning rate",
        "attempts",
        "learning_rate",
        "learned",
        share=("lags", "success"),
        reported="reported_learning_rate",
        tried="rates_tried",
        note=(
            "Each seed is judged at the learning rate with which the others get furthest on "
            "validation sequences, so that its own luck has no say; named is the one that all "
            "seeds together choose. One that has fallen behind is not tried at longer lags."
        ),
    ),
    Curves(
        "Training",
        "training",
        (
            Measure("accuracy", bounds=PERCENT, level=symbol_chance),
            Measure("loss", bounds=POSITIVE),
        ),
    ),
    Dots("By variant", measures("span", "half_life_end", "half_life_start", "steps_to_learn")),
)


def setup(shown: Shown) -> str:
    """The task, the training steps, the seeds and the lags."""
    names = dict.fromkeys(shown.setting_of_runs("task").values())
    words = [LAG_WORDS[name] for name in names]  # type: ignore[index]
    seeds = numbers_set(shown, "seeds")
    return (
        f"Task: {listed([task.task for task in words])}. "
        f"At most {numbers_set(shown, 'training_steps')} training steps at each lag, "
        f"{seeds} seed{'' if seeds == '1' else 's'}, lags from "
        f"{numbers_set(shown, 'shortest_lag')} up to {numbers_set(shown, 'longest_lag')}."
    )


results_page(MEMORY_SPAN, FIGURES, METHOD, setup=setup)
