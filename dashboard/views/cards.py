"""An experiment's newest answer on a card: the sentence, the headline numbers, a small figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas
import streamlit as st

from core.analysis import sentences
from core.experiment import Column, Experiment
from core.formatting import counted, inline_text
from dashboard.charts import render
from dashboard.charts.scales import whole_numbers
from dashboard.figures import base
from dashboard.navigation import page_of
from dashboard.store import cache, sweeps
from dashboard.ui import states
from dashboard.ui.text import exact, interval, moment, number, plain
from dashboard.views import active_runs

MAX_CARDS = 48
"""Cards in memory: six questions, light and dark, of a few stores."""


def answer(experiment: Experiment) -> None:
    """The card of one question, in whatever state its runs are."""
    newest = sweeps.newest_readable(cache.sweeps_of(experiment))
    with st.container(border=True, key=f"card-{experiment.name}"):
        st.markdown(f"##### {plain(experiment.question)}")
        if newest is None:
            st.text("Not measured yet.")
            states.to_launch(experiment, "Launch a comparison")
        elif newest.finished:
            ids = tuple(run.run_id for run in newest.finished)
            key = cache.reader().store.uri, newest.name, ids
            _measured(key, cache.dark(), experiment, newest)
        elif newest.active:
            st.text("Being measured now. The answer appears with the first finished run.")
        else:
            states.all_failed(newest.broken)


def headline(experiment: Experiment, results: pandas.DataFrame) -> list[tuple[str, str, str]]:
    """The metrics of a card (title, value, label with interval): the highest and the lowest value
    of the first measure that has a better direction, and the best of the second.
    """
    columns = experiment.summary.columns()
    judged = [c for c in columns if c.better is not None and results[c.name].nunique() > 1]
    wanted = [(c, end) for c in judged[:1] for end in ("highest", "lowest")]
    wanted += [(c, "highest" if c.better == "higher" else "lowest") for c in judged[1:2]]
    whole = whole_numbers(experiment.summary)
    metrics = []
    for column, end in wanted:
        result = results.sort_values(column.name, ascending=end == "lowest").iloc[0]
        value = result[column.name]
        if column.name in whole:
            adjective = {"highest": "Most", "lowest": "Fewest"}[end]
            amount = exact(value, whole=True)
        else:
            adjective, amount = end.capitalize(), number(value)
        title = f"{adjective} {column.title[0].lower()}{column.title[1:]}"
        whose = _whose(experiment, result, column)
        metrics.append((title, f"{amount} {column.unit}".strip(), whose))
    return metrics


def _whose(experiment: Experiment, result: pandas.Series[Any], column: Column) -> str:
    """Whose number it is, and its interval: `bi-LSTM, 0.62 to 0.64`; a count has none."""
    name = str(result["label"])
    if not column.estimate:
        return name
    spread = interval(result[f"{column.name}_low"], result[f"{column.name}_high"])
    times = int(result[f"{column.name}_n"])
    repeats = f"n = {times}" if experiment.timed else counted(times, "seed")
    return f"{name}, {spread}" if spread else f"{name}, {repeats}: no interval"


@st.cache_data(show_spinner=False, max_entries=MAX_CARDS)
def _measured(
    key: tuple[str, str, Sequence[str]],
    dark: bool,
    _experiment: Experiment,
    _newest: sweeps.Sweep,
) -> None:
    """Draw a card once for everybody, until another run has finished."""
    experiment, newest = _experiment, _newest
    results = sweeps.results(experiment, newest.finished, cache.reader().table)
    comparison = cache.comparison(experiment, newest.finished)
    states.answer(sentences.answer(comparison))
    with st.grid(3, min_column_width=180):
        pooled = base.pooled_results(results, comparison)
        for title, amount, whose in headline(experiment, pooled):
            st.metric(title, amount, whose, delta_color="off", delta_arrow="off")
    chart = active_runs.preview(experiment, newest.finished)
    if chart is not None:
        render.show(chart, f"{experiment.title}: {inline_text(newest.name)}")
    st.caption(plain(f"{counted(len(newest.finished), 'run')} · {moment(newest.launched)}"))
    page = page_of(experiment.name)
    if page is not None:
        st.page_link(
            page.path,
            label=f"Open {page.title}",
            icon=page.icon,
            query_params={"sweep": newest.name},
        )
