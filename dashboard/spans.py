"""What `memory-span` trains and how it is judged, in words."""

from __future__ import annotations

import pandas

from core.experiment import Row
from core.words import counted, listed
from dashboard.shown import Shown
from dashboard.wording import plain

METHOD = """
**Recall**: one symbol is shown, noise follows, and after the lag the last output must name it.
**Adding** (Hochreiter & Schmidhuber 1997): of a sequence of random numbers two are marked, and the
last output must be their sum; the lag is the length. **Copy** (Arjovsky et al. 2016): ten symbols
are shown, and after a pause as long as the lag they must be written out in order.

At every lag each seed starts again from the same weights of its own and is trained with Adam for at
most the stated number of steps, on sequences drawn afresh; its training ends when it has learned.
*Learned* means at least 90% of the symbols right, of adding a squared error below 0.01: on
validation sequences, and right then on test sequences that nothing else used. Lags grow by 1, 1.5,
2, 3, 5, 7, 10 …; after as many in a row as *give up* says that no majority of the seeds learned,
longer ones are not tried.

Where no learning rate is set, several are tried at the same lags. One drops out as soon as most
seeds failed with it where they passed with another. The one that came furthest on *validation*
sequences is reported, for all lags of a run; of equals the one that took fewest steps. Success is a
share of few seeds: its bar is Wilson's 95% interval. The span is the largest lag that more than
half of the seeds learned (above the dotted line), its interval a bootstrap over seeds.

The half-life belongs to the very network that was trained: after so many steps back half is left of
the gradient of its last output, measured at its first weights and again after training. A gradient
that grows has no half-life: it is infinite. Of the span it is that of the networks trained at the
span. A bidirectional network answers from its last output, where its second direction has read one
symbol: it has to remember as far as any other.

What is compared with is exact: chance is one in the number of symbols, and the loss *without
memory* that of the best answer that ignores the past (ln of the number of symbols; of adding 1/6,
the variance of the sum; of copy 10 · ln(symbols) / (lag + 20)).
"""

READING = (
    "A line leads from the half-life of the gradient before training to that after it, of the very "
    "same networks, at the height of the span that they learned. On the dotted line half of the "
    "gradient is left over the whole span; the further above it, the less."
)

CHOICE = (
    "The learning rate that came furthest on validation sequences is reported, for all lags of a "
    "run; of equals the one that took fewest steps. One that has fallen behind is not tried at "
    "longer lags."
)

TASKS = {
    "recall": "delayed recall of a symbol",
    "adding": "the adding problem",
    "copy": "copy memory",
}


def furthest(rows: pandas.DataFrame, row: type[Row]) -> pandas.DataFrame:
    """Of the attempts of each label those at the learning rate that learned most so far."""
    learned = rows.groupby(["label", "learning_rate"])["learned"].sum().reset_index()
    best = learned.sort_values("learned", kind="stable").drop_duplicates("label", keep="last")
    return rows.merge(best[["label", "learning_rate"]])


def line(shown: Shown) -> str:
    """Which task, within which budget, over how many seeds; plain Markdown."""
    tasks = listed([TASKS[task] for task in dict.fromkeys(_of(shown, "task"))])
    steps = listed(_numbers(shown, "training_steps"))
    seeds = _numbers(shown, "seeds")
    said = counted(int(seeds[0]), "seed") if seeds == ["1"] else f"{listed(seeds)} seeds"
    lags = [listed(_numbers(shown, name)) for name in ("shortest_lag", "longest_lag")]
    return plain(
        f"Task: {tasks}. At most {steps} training steps at each lag, {said}, "
        f"lags from {lags[0]} up to {lags[1]}."
    )


def _of(shown: Shown, name: str) -> list[str]:
    return [str(value) for value in shown.setting_of_runs(name).values()]


def _numbers(shown: Shown, name: str) -> list[str]:
    return [f"{number:,}" for number in sorted({int(value) for value in _of(shown, name)})]
