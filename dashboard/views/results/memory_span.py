"""How far back can it learn to look?"""

from __future__ import annotations

from core.experiments.memory_span import MEMORY_SPAN
from core.formatting import listed
from dashboard.figures.base import Measure, Shown, measures
from dashboard.figures.dots import Dots
from dashboard.figures.heatmap import Attempts
from dashboard.figures.leading import PERCENT, POSITIVE, leading
from dashboard.figures.lines import Curves
from dashboard.figures.scatter import Scatter
from dashboard.views.results.frame import numbers_set, results_page

METHOD = """
**Recall**: one symbol is shown, noise follows, and after the lag the last output must name it.
**Adding** (Hochreiter & Schmidhuber 1997): in a sequence of random numbers two are marked, and the
last output must be their sum; the lag is the length. **Copy** (Arjovsky et al. 2016): ten symbols
are shown, and after a pause as long as the lag they must be written out in order.

At every lag each seed starts again from the same weights of its own and is trained with Adam for at
most the stated number of steps, on sequences drawn afresh; its training ends when it has learned.
*Learned* means at least 90% of the symbols right (for adding, a squared error below 0.01) on
validation sequences, and at once also on test sequences that nothing else uses. Lags grow by 1,
1.5, 2, 3, 5, 7, 10 …; once no majority of the seeds learned at as many lags in a row as *give up*
says, longer ones are not tried.

Where no learning rate is set, several are tried at the same lags. One is dropped as soon as most
seeds fail with it at a lag that they learn with another. The one that gets furthest on *validation*
sequences is reported, for all lags of a run; a tie goes to the one with the fewest steps. Success
is a proportion of few seeds: its bar is Wilson's 95% interval. The span is the largest lag that
more than half of the seeds learned (above the dotted line), its interval a bootstrap over seeds.

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

TASKS = {
    "recall": "delayed recall of a symbol",
    "adding": "the adding problem",
    "copy": "copy memory",
}

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
            "A line leads from the asymptotic half-life of the gradient before training to that "
            "after it, of the very same networks, at the height of the span that they learned. On "
            "the dotted line the span is one half-life; the further above it, the less is left."
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
            "The learning rate that gets furthest on validation sequences is reported, for all "
            "lags of a run; a tie goes to the one with the fewest steps. One that has fallen "
            "behind is not tried at longer lags."
        ),
    ),
    Curves(
        "Training",
        "training",
        (Measure("accuracy", bounds=PERCENT), Measure("loss", bounds=POSITIVE)),
    ),
    Dots("By variant", measures("span", "half_life_end", "half_life_start", "steps_to_learn")),
)


def setup(shown: Shown) -> str:
    """The task, the training steps, the seeds and the lags."""
    tasks = [TASKS[str(task)] for task in dict.fromkeys(shown.setting_of_runs("task").values())]
    seeds = numbers_set(shown, "seeds")
    return (
        f"Task: {listed(tasks)}. At most {numbers_set(shown, 'training_steps')} training steps at "
        f"each lag, {seeds} seed{'' if seeds == '1' else 's'}, lags from "
        f"{numbers_set(shown, 'shortest_lag')} up to {numbers_set(shown, 'longest_lag')}."
    )


results_page(MEMORY_SPAN, FIGURES, METHOD, setup=setup)
