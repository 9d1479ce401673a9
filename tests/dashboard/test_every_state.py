"""No page raises: every page and tab, over stores in every state that runs can leave them in.

The full matrix (every page and tab × every state × every experiment alone and all together, and
every table lost in turn) is `slow`. The usual suite draws each page in each state of a full store,
each page with each experiment alone, and each tab in a few states: states and tabs take turns.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.chapter import CLAIMS
from core.experiment import Experiment
from core.experiments import all_experiments
from core.papers import PAPERS
from core.store.records import RunRecord, Status
from core.store.tracking import Store, open_store
from dashboard.navigation import COMPARE, OVERVIEW, PAGES, Page
from tests.conftest import Once
from tests.dashboard.conftest import Show
from tests.dashboard.scenes import NASTY, record

VARIANTS = ("lstm", "bi-lstm", "gru")

TURNS = 4
"""Of the tabs of a page, the usual suite draws one in so many in a state."""

OPEN = {
    "chapter": {"claim": [str(claim.number) for claim in CLAIMS]},
    "papers": {"paper": [paper.name for paper in PAPERS]},
}
"""Page → the address at which all of its cards are open."""


def _fill(store: Store, *ended: tuple[Status, bool]) -> None:
    """One sweep per experiment, whose variants ended so, with rows or without."""
    for experiment in all_experiments():
        for variant, (status, rows) in zip(VARIANTS, ended, strict=False):
            config, *_ = experiment.configs([variant], {})
            every = () if rows else [row.table for row in experiment.rows]
            record(store, experiment, config, f"{experiment.name} sweep", status, without=every)


def _without_summary(store: Store) -> None:
    for experiment in all_experiments():
        for variant in VARIANTS[:2]:
            config, *_ = experiment.configs([variant], {})
            lost = (experiment.summary.table,)
            record(store, experiment, config, "sweep", "RUNNING", without=lost)


def _lost_tables(store: Store) -> None:
    """Every experiment is finished but for one table: a sweep for each."""
    for experiment in all_experiments():
        for row in experiment.rows:
            for variant in VARIANTS[:2]:
                config, *_ = experiment.configs([variant], {})
                record(store, experiment, config, f"lost {row.table}", without=(row.table,))


def _edit_settings(store: Store, edit: Callable[[dict[str, object]], dict[str, object]]) -> None:
    _fill(store, ("FINISHED", True), ("FINISHED", True))
    for run in store.runs():
        settings = edit(json.loads(run.tags["unroll.config"]))
        store.set_tags(run.run_id, {"unroll.config": json.dumps(settings)})


def _unknown(store: Store) -> None:
    """A cell of somebody's plug-in that is not installed here, and an experiment likewise."""
    _edit_settings(store, lambda settings: settings | {"cell": "mamba"})
    client = store.client
    client.create_run(client.create_experiment("state-tracking"), tags={"unroll.config": "{}"})
    store.end(client.create_run("1", tags={"unroll.config": "{}"}).info.run_id, "FINISHED")


def _earlier(store: Store) -> None:
    """An earlier version lacked some settings, and had one more."""

    def earlier(settings: dict[str, object]) -> dict[str, object]:
        return {"momentum": 0.9, **dict(list(settings.items())[: len(settings) // 2])}

    _edit_settings(store, earlier)


def _garbage(store: Store) -> None:
    """Tags that somebody edited by hand."""
    _fill(store, ("FINISHED", True), ("FAILED", True), ("RUNNING", True), ("SCHEDULED", False))
    for run in store.runs():
        kept = ("unroll.config", "unroll.sweep")
        names = [n for n in run.tags if n.startswith("unroll.") and n not in kept]
        names += ["unroll.sweep_name", "unroll.pinned", "unroll.looks", "unroll.heartbeat"]
        store.set_tags(run.run_id, dict.fromkeys(names, f'{{"pid": [], {NASTY}'))


STATES: dict[str, Callable[[Store], None]] = {
    "queued": lambda store: _fill(store, ("SCHEDULED", False), ("SCHEDULED", False)),
    "running without rows": lambda store: _fill(store, ("RUNNING", False), ("SCHEDULED", False)),
    "rows and no summary": _without_summary,
    "one finished, the rest failed or running": lambda store: _fill(
        store, ("FINISHED", True), ("FAILED", True), ("RUNNING", True)
    ),
    "all failed with rows": lambda store: _fill(store, ("FAILED", True), ("FAILED", True)),
    "all failed without rows": lambda store: _fill(store, ("FAILED", False), ("FAILED", False)),
    "all cancelled": lambda store: _fill(store, ("KILLED", True), ("KILLED", False)),
    "a table lost": _lost_tables,
    "unknown experiment and cell": _unknown,
    "garbage in tags": _garbage,
    "settings of an earlier version": _earlier,
}

RESULTS = [page for page in PAGES if page.experiment]

OTHERS = [page for page in PAGES if not page.experiment]


@pytest.fixture
def state(
    once: Once, new_store: Callable[[Path], Store], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Store]:
    """Make the store in a state the configured one, of which pages see one experiment or all."""

    def choose(name: str, alone: Experiment | None = None) -> Store:
        folder = once(f"state-{name}", lambda there: STATES[name](new_store(there)))
        uri = f"sqlite:///{folder / 'mlflow.db'}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri if alone is None else f"{uri}?{alone.name}")
        monkeypatch.setattr("dashboard.store.reader.LOOK_SECONDS", 60.0)  # nobody writes to it
        return open_store(uri)

    monkeypatch.setattr("dashboard.store.reader.open_store", _store_of_one)
    return choose


def _store_of_one(uri: str) -> Store:
    """The store, of which only the experiment after the `?` is seen, if there is one."""
    address, _, name = uri.partition("?")
    store = Store(address)
    every = store.newest_first

    def newest_first(
        experiment: str | None = None, *arguments: object, **more: object
    ) -> Iterator[RunRecord]:
        return (
            run for run in every(experiment, *arguments, **more) if name in ("", run.experiment)
        )  # type: ignore[arg-type]

    store.newest_first = newest_first  # type: ignore[method-assign]
    return store


def draw(page: Page, show: Show, **address: str | list[str]) -> AppTest:
    """Draw a page with all its cards open; it says something, and raises nothing."""
    app = show(page.path, **{**OPEN.get(page.address, {}), **address})
    assert not app.exception, (page.title, address, app.exception[0].value)
    assert len(app.title) == 1
    return app


def draw_tabs(
    page: Page, show: Show, *, first: int = 0, step: int = 1, **address: str | list[str]
) -> None:
    for tab in draw(page, show, **address).tabs[1:][first::step]:
        draw(page, show, figure=tab.label, **address)


@pytest.mark.parametrize("name", [name for name in STATES if name != "a table lost"])
def test_no_page_and_no_tab_raises(name: str, state: Callable[..., Store], show: Show) -> None:
    state(name)
    turn = [*STATES].index(name) % TURNS
    for page in RESULTS:
        draw_tabs(page, show, first=turn, step=TURNS)
    for page in OTHERS:
        draw(page, show)


@pytest.mark.parametrize("page", OTHERS, ids=lambda page: page.title)
def test_no_page_raises_where_only_one_question_was_asked(
    page: Page, state: Callable[..., Store], show: Show
) -> None:
    """Pages × experiments, each with another state: the pairs of pages and states go round."""
    start = OTHERS.index(page)
    states = itertools.islice(itertools.cycle(STATES), start, None)
    for experiment, name in zip(all_experiments(), states, strict=False):
        state(name, experiment)
        draw(page, show)


def test_no_page_with_results_raises_whatever_table_is_lost(
    state: Callable[..., Store], show: Show
) -> None:
    state("a table lost")
    draw(OVERVIEW, show)
    draw(COMPARE, show)
    tabs: dict[str, Iterator[str]] = {}
    for page, _, row in _tables():
        if page.title not in tabs:
            every = [tab.label for tab in draw(page, show, sweep=f"lost {row}").tabs]
            tabs[page.title] = itertools.cycle(every)
        draw(page, show, sweep=f"lost {row}", figure=next(tabs[page.title]))


@pytest.mark.slow
@pytest.mark.parametrize("experiment", all_experiments(), ids=lambda one: one.name)
@pytest.mark.parametrize("name", STATES)
def test_the_full_matrix(
    name: str, experiment: Experiment, state: Callable[..., Store], show: Show
) -> None:
    store = state(name, experiment)
    for page in PAGES:
        draw_tabs(page, show)
    for run in store.runs(experiment.name):
        draw(next(p for p in PAGES if p.address == "runs"), show, run=run.run_id)


@pytest.mark.slow
def test_no_tab_raises_whatever_table_is_lost(state: Callable[..., Store], show: Show) -> None:
    state("a table lost")
    for page, _, row in _tables():
        draw_tabs(page, show, sweep=f"lost {row}")


def _tables() -> Iterator[tuple[Page, Experiment, str]]:
    for page in RESULTS:
        experiment = next(one for one in all_experiments() if one.name == page.experiment)
        yield from ((page, experiment, row.table) for row in experiment.rows)
