"""No page raises: every page and tab, over stores in every state that runs can leave them in.

The full matrix (every page and tab × every state × every experiment alone and all together, and
every table lost in turn) is `slow`. In the usual suite each experiment of a store is in another
state, and moves on to the next one from store to store: so every page of results meets every state
of its experiment, and every other page meets every state. Tabs take turns.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.chapter import CLAIMS
from core.experiment import Experiment
from core.experiments import all_experiments
from core.papers import PAPERS
from core.store.records import Status
from core.store.tracking import Store, open_store
from dashboard.navigation import PAGES, Page
from tests.conftest import Once
from tests.dashboard.conftest import Show
from tests.dashboard.scenes import NASTY, record

VARIANTS = ("lstm", "bi-lstm", "gru")

OPEN = {
    "chapter": {"claim": [str(claim.number) for claim in CLAIMS]},
    "papers": {"paper": [paper.name for paper in PAPERS]},
}
"""Page → the address at which all of its cards are open."""

Fill = Callable[[Store, Experiment], None]
"""Puts runs of an experiment into a store."""


def _ended(*ended: tuple[Status, bool]) -> Fill:
    """One sweep, whose variants ended so, with rows or without."""

    def fill(store: Store, experiment: Experiment) -> None:
        for variant, (status, rows) in zip(VARIANTS, ended, strict=False):
            config, *_ = experiment.configs([variant], {})
            every = () if rows else [row.table for row in experiment.rows]
            record(store, experiment, config, f"{experiment.name} sweep", status, without=every)

    return fill


def _without_summary(store: Store, experiment: Experiment) -> None:
    for variant in VARIANTS[:2]:
        config, *_ = experiment.configs([variant], {})
        lost = (experiment.summary.table,)
        record(store, experiment, config, "sweep", "RUNNING", without=lost)


def _lost_tables(store: Store, experiment: Experiment) -> None:
    """A sweep without the summary, and two that have every other table."""
    others = [row.table for row in experiment.rows if row is not experiment.summary]
    for lost in ([experiment.summary.table], others[::2], others[1::2]):
        for variant in VARIANTS[:2]:
            config, *_ = experiment.configs([variant], {})
            record(store, experiment, config, f"lost {', '.join(lost)}", without=lost)


def _lost_table(table: str) -> Fill:
    def fill(store: Store, experiment: Experiment) -> None:
        for variant in VARIANTS[:2]:
            config, *_ = experiment.configs([variant], {})
            record(store, experiment, config, f"lost {table}", without=(table,))

    return fill


def _edit_settings(
    store: Store, experiment: Experiment, edit: Callable[[dict[str, object]], dict[str, object]]
) -> None:
    _ended(("FINISHED", True), ("FINISHED", True))(store, experiment)
    for run in store.runs(experiment.name):
        settings = edit(json.loads(run.tags["unroll.config"]))
        store.set_tags(run.run_id, {"unroll.config": json.dumps(settings)})


def _unknown(store: Store, experiment: Experiment) -> None:
    """A cell of somebody's plug-in that is not installed here, an experiment likewise, and a run
    without settings."""
    _edit_settings(store, experiment, lambda settings: settings | {"cell": "mamba"})
    foreign = store.client.create_experiment(f"state-tracking beside {experiment.name}")
    for identifier in (foreign, store.runs(experiment.name)[0].experiment_id):
        run = store.client.create_run(identifier, tags={"unroll.config": "{}"})
        store.end(run.info.run_id, "FINISHED")


def _earlier(store: Store, experiment: Experiment) -> None:
    """An earlier version lacked some settings, and had one more."""

    def earlier(settings: dict[str, object]) -> dict[str, object]:
        return {"momentum": 0.9, **dict(list(settings.items())[: len(settings) // 2])}

    _edit_settings(store, experiment, earlier)


def _garbage(store: Store, experiment: Experiment) -> None:
    """Tags that somebody edited by hand."""
    ended = ("FINISHED", True), ("FAILED", True), ("RUNNING", True)
    _ended(*ended)(store, experiment)
    for run in store.runs(experiment.name):
        kept = ("unroll.config", "unroll.sweep")
        names = [n for n in run.tags if n.startswith("unroll.") and n not in kept]
        names += ["unroll.sweep_name", "unroll.pinned", "unroll.looks", "unroll.heartbeat"]
        store.set_tags(run.run_id, dict.fromkeys(names, f'{{"pid": [], {NASTY}'))


STATES: dict[str, Fill] = {
    "queued": _ended(("SCHEDULED", False), ("SCHEDULED", False)),
    "running without rows": _ended(("RUNNING", False), ("SCHEDULED", False)),
    "rows and no summary": _without_summary,
    "one finished, the rest failed or running": _ended(
        ("FINISHED", True), ("FAILED", True), ("RUNNING", True)
    ),
    "all failed with rows": _ended(("FAILED", True), ("FAILED", True)),
    "all failed without rows": _ended(("FAILED", False), ("FAILED", False)),
    "all cancelled": _ended(("KILLED", True), ("KILLED", False)),
    "tables lost": _lost_tables,
    "unknown experiment and cell": _unknown,
    "garbage in tags": _garbage,
    "settings of an earlier version": _earlier,
}

RESULTS = [page for page in PAGES if page.experiment]

OTHERS = [page for page in PAGES if not page.experiment]

State = Callable[[str, Mapping[str, Fill]], Store]


@pytest.fixture
def state(once: Once, new_store: Callable[[Path], Store], monkeypatch: pytest.MonkeyPatch) -> State:
    """Make a store the configured one, in which each of these experiments is filled so."""

    def choose(name: str, filled: Mapping[str, Fill]) -> Store:
        def make(folder: Path) -> None:
            store = new_store(folder)
            for experiment in all_experiments():
                if experiment.name in filled:
                    filled[experiment.name](store, experiment)

        uri = f"sqlite:///{once(f'state-{name}', make) / 'mlflow.db'}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        monkeypatch.setattr("dashboard.store.reader.LOOK_SECONDS", 60.0)  # nobody writes to it
        return open_store(uri)

    return choose


def draw(page: Page, show: Show, **address: str | list[str]) -> AppTest:
    """Draw a page with all its cards open; it says something, and raises nothing."""
    app = show(page.path, **{**OPEN.get(page.address, {}), **address})
    assert not app.exception, (page.title, address, app.exception[0].value)
    assert len(app.title) == 1
    return app


def draw_tabs(page: Page, show: Show, **address: str | list[str]) -> None:
    for tab in draw(page, show, **address).tabs[1:]:
        draw(page, show, figure=tab.label, **address)


_labels: dict[str, list[str]] = {}


@pytest.fixture
def labels(scene: Callable[[str], Store], show: Show) -> Callable[[Page], list[str]]:
    """The tabs of a page of results whose runs have every table."""

    def of(page: Page) -> list[str]:
        if page.title not in _labels:
            scene("full")
            _labels[page.title] = [tab.label for tab in draw(page, show).tabs]
        return _labels[page.title]

    return of


@pytest.mark.parametrize("turn", range(len(STATES)))
def test_no_page_raises_whatever_the_runs_have_come_to(
    turn: int, state: State, show: Show, labels: Callable[[Page], list[str]]
) -> None:
    names, experiments = [*STATES], all_experiments()
    tabs = {page.title: labels(page) for page in RESULTS}
    places = {e.name: (turn + place) % len(names) for place, e in enumerate(experiments)}
    store = state(str(turn), {name: STATES[names[place]] for name, place in places.items()})
    for page in RESULTS:
        own = tabs[page.title]
        sweeps = sorted({run.sweep for run in store.runs(page.experiment)})
        for place, sweep in enumerate(sweeps):
            draw(page, show, sweep=sweep, figure=own[(turn + place) % len(own)])
    for place, page in enumerate(OTHERS):
        # Between them, these two stores have every state.
        if (turn - place) % len(names) in (0, len(experiments)):
            draw(page, show)


@pytest.mark.slow
@pytest.mark.parametrize("alone", [*all_experiments(), None], ids=lambda one: one and one.name)
@pytest.mark.parametrize("name", STATES)
def test_the_full_matrix(name: str, alone: Experiment | None, state: State, show: Show) -> None:
    asked = [experiment for experiment in all_experiments() if alone in (None, experiment)]
    store = state(f"{name}-{alone and alone.name}", {e.name: STATES[name] for e in asked})
    for page in PAGES:
        draw_tabs(page, show)
    for run, tab in itertools.product(store.runs(), ("Result", "Tables")):
        draw(next(p for p in PAGES if p.address == "runs"), show, run=run.run_id, details=tab)


@pytest.mark.slow
@pytest.mark.parametrize("page", RESULTS, ids=lambda page: page.title)
def test_no_tab_raises_whatever_table_is_lost(page: Page, state: State, show: Show) -> None:
    experiment = next(one for one in all_experiments() if one.name == page.experiment)
    for row in experiment.rows:
        lost = {experiment.name: _lost_table(row.table)}
        state(f"{experiment.name}-lost-{row.table}", lost)
        draw_tabs(page, show)
