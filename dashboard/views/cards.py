"""The answer of a question on a card: a number with its interval, a sentence, a small figure."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.analysis import sentences
from core.analysis.comparison import Comparison
from core.experiment import Experiment
from core.formatting import counted, inline_text
from dashboard.charts import render
from dashboard.navigation import RUNS, page_of
from dashboard.store import cache
from dashboard.store.sweeps import Sweep
from dashboard.ui import states
from dashboard.ui.text import day, plain, status_message
from dashboard.views import active_runs

MAX_CARDS = 48
"""Cards in memory: questions, light and dark, of a few stores."""

FIGURE_HEIGHT = 70


def headline_comparison(experiment: Experiment) -> Comparison | None:
    """The comparison that answers a question; None while nothing has been measured."""
    sweep = cache.headline(experiment)
    return cache.comparison(experiment, sweep.finished) if sweep and sweep.finished else None


def answer(experiment: Experiment, *, drawn: bool = True) -> None:
    """The card of one question, in whatever state its runs are; `drawn` if it has a figure."""
    sweep = cache.headline(experiment)
    with st.container(border=True, key=f"card-{experiment.name}", height="stretch", gap="xsmall"):
        page = page_of(experiment.name)
        if page is None:
            st.markdown(f"**{plain(experiment.question)}**")
        else:
            query = {} if sweep is None else {"sweep": sweep.name}
            label = f"**{plain(experiment.question)}**"
            st.page_link(page.path, label=label, query_params=query)
        if sweep is None:
            st.caption("Not measured yet.")
            states.to_launch(experiment, "Launch a comparison")
        elif sweep.finished:
            ids = tuple(run.run_id for run in sweep.finished)
            key = cache.reader().store.uri, sweep.name, ids
            _measured(key, cache.dark(), day(sweep.launched), drawn, experiment, sweep)
            _unfinished(sweep)
        elif sweep.active:
            st.caption("Being measured now. The answer appears with the first finished run.")
            states.progress_line(sweep.runs)
        else:
            _failed(sweep)


@st.cache_data(show_spinner=False, max_entries=MAX_CARDS)
def _measured(
    key: tuple[str, str, Sequence[str]],
    dark: bool,
    launched: str,
    drawn: bool,
    _experiment: Experiment,
    _sweep: Sweep,
) -> None:
    """Draw the answer once for everybody, until another run has finished."""
    experiment, runs = _experiment, _sweep.finished
    comparison = cache.comparison(experiment, runs)
    figure = sentences.key_figure(comparison)
    if figure is None:
        st.caption(plain(sentences.answer(comparison)))
    else:
        ends = f" :small[:gray[{plain(f'[{figure.interval}]')}]]" if figure.interval else ""
        st.markdown(f"## {plain(figure.value)}{ends}")
        st.markdown(plain(figure.sentence))
    chart = active_runs.preview(experiment, runs, height=FIGURE_HEIGHT) if drawn else None
    if chart is not None:
        with st.container(key=f"card-figure-{experiment.name}", gap=None):
            render.show_small(chart, f"{experiment.title}: {inline_text(_sweep.subject)}")
    under = sentences.conditions(experiment, runs)
    origin = sentences.origin(runs, launched)
    st.caption(plain(" · ".join(filter(None, [under, origin]))))


def _unfinished(sweep: Sweep) -> None:
    """Say what a partial answer lacks."""
    if sweep.active:
        text = f"{counted(len(sweep.active), 'run')} still to come"
        st.caption(f":material/hourglass_top: {text}")
    missing = sweep.missing
    if missing:
        _link_to_failed(sweep, f"{counted(len(missing), 'run')} failed or cancelled")


def _failed(sweep: Sweep) -> None:
    """Say why there is no answer."""
    first = sweep.broken[-1]
    st.caption(plain(f"No result: {inline_text(first.name)}: {status_message(first)}"))
    _link_to_failed(sweep, "Open the log or run it again")


def _link_to_failed(sweep: Sweep, label: str) -> None:
    st.page_link(
        RUNS.path,
        label=label,
        icon=":material/error:",
        query_params={"run": sweep.broken[-1].run_id},
    )
