"""An experiment's newest answer on a card: the sentence, the headline numbers, a small figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas
import streamlit as st

from core.experiment import Column, Experiment
from core.names import among
from core.words import counted
from dashboard import comparison, data, drawing, seeds, states, watching
from dashboard.declared import whole_numbers
from dashboard.navigation import page_of
from dashboard.wording import exact, interval, moment, number, plain

FEWEST_AND_MOST = {"highest": "Most", "lowest": "Fewest"}
"""How the ends of a count are called."""
MOST_CARDS = 48
"""Kept as they were drawn: six questions, light and dark, of a few stores."""


def answer(experiment: Experiment) -> None:
    """The card of one question, in whatever state it is."""
    found = data.compared(experiment)
    newest = comparison.newest_readable(found)
    with st.container(border=True, key=f"card-{experiment.name}"):
        st.markdown(f"##### {plain(experiment.question)}")
        if newest is None:
            st.text("Not measured yet.")
            states.to_launch(experiment, "Launch a comparison")
        elif newest.finished:
            ids = tuple(run.run_id for run in newest.finished)
            of = data.reader().store.uri, newest.name, ids
            _measured(of, data.dark(), experiment, newest)
        elif newest.active:
            st.text("Being measured now: the answer appears with the first finished run.")
        else:
            states.all_failed(newest.broken)


def headline(experiment: Experiment, results: pandas.DataFrame) -> list[tuple[str, str, str]]:
    """(what, how much, whose and how sure).

    Both ends of the first measure that has a better direction, and the best of the second.
    """
    columns = experiment.summary.columns()
    judged = [c for c in columns if c.better is not None and results[c.name].nunique() > 1]
    wanted = [(c, end) for c in judged[:1] for end in ("highest", "lowest")]
    wanted += [(c, "highest" if c.better == "higher" else "lowest") for c in judged[1:2]]
    whole = whole_numbers(experiment.summary)
    found = []
    for column, end in wanted:
        order = results.sort_values(column.name, ascending=end == "lowest").iloc[0]
        counted_up = column.name in whole
        ends = FEWEST_AND_MOST[end] if counted_up else end.capitalize()
        value = order[column.name]
        amount = exact(value, whole=True) if counted_up else number(value)
        title = f"{ends} {column.title[0].lower()}{column.title[1:]}"
        found.append((title, f"{amount} {column.unit}".strip(), _whose(experiment, order, column)))
    return found


def _whose(experiment: Experiment, result: pandas.Series[Any], column: Column) -> str:
    """Whose number it is, and how sure: `bi-LSTM, 0.62 to 0.64`; a count is simply exact."""
    name = str(result["label"])
    if not column.estimate:
        return name
    spread = interval(result[f"{column.name}_low"], result[f"{column.name}_high"])
    times = int(result[f"{column.name}_n"])
    repeats = counted(times, "repetition" if experiment.timed else "seed")
    return f"{name}, {spread}" if spread else f"{name}, {repeats}: no interval"


@st.cache_data(show_spinner=False, max_entries=MOST_CARDS)
def _measured(
    of: tuple[str, str, Sequence[str]],
    dark: bool,
    _experiment: Experiment,
    _newest: comparison.Comparison,
) -> None:
    """The same for everybody until another run has finished: drawn once, then shown again."""
    experiment, newest = _experiment, _newest
    results = comparison.results(experiment, newest.finished, data.reader().table)
    states.answer(experiment.answer(results))
    with st.grid(3, min_column_width=180):
        pooled = seeds.pooled_results(experiment, results)
        for title, amount, whose in headline(experiment, pooled):
            st.metric(title, amount, whose, delta_color="off", delta_arrow="off")
    chart = watching.preview(experiment, newest.finished)
    if chart is not None:
        drawing.show(chart, f"{experiment.title}: {among(newest.name)}")
    st.caption(plain(f"{counted(len(newest.finished), 'run')} · {moment(newest.launched)}"))
    page = page_of(experiment.name)
    if page is not None:
        st.page_link(
            page.path,
            label=f"Open {page.title}",
            icon=page.icon,
            query_params={"comparison": newest.name},
        )
