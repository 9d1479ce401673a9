"""The Papers page in every state: what is missing, on its way, failed, measured."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from core.chapter.claim import Verdict
from core.experiments import config_of
from core.papers import PAPERS, Paper
from core.papers.memory import GREFF, HOCHREITER
from core.papers.translation import CHO
from core.store.tracking import Store
from dashboard.navigation import PAPERS as PAGE
from dashboard.ui.text import plain
from tests.dashboard.conftest import Show, texts
from tests.dashboard.scenes import NASTY, record

SUMMARY_AND = {"attempts", "lags", "lengths", "summary"}
"""Tables that the cards read."""


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> list[Store]:
    """Stores for which a worker was asked, instead of real workers."""
    asked: list[Store] = []
    monkeypatch.setattr("experiments.worker.ensure_worker", asked.append)
    return asked


def label_of(app: AppTest, paper: Paper) -> str:
    start = f"**{plain(paper.citation)}** · {plain(paper.title)}"
    return next(str(e.label) for e in app.expander if str(e.label).startswith(start))


def keys(app: AppTest) -> set[str]:
    return {str(button.key) for button in app.button}


def measure(store: Store, paper: Paper) -> list[str]:
    """Record made-up finished runs for a card."""
    ids = []
    for experiment, config in paper.configs():
        unread = {row.table for row in experiment.rows} - SUMMARY_AND
        ids.append(record(store, experiment, config, "one", without=unread))
    return ids


def test_an_empty_store_shows_every_card_closed(store: Store, show: Show) -> None:
    app = show(PAGE.path)
    assert not app.exception
    assert app.subheader[0].value == plain("None of the 11 papers is measured yet.")
    assert len(app.expander) == len(PAPERS)
    assert all("Not measured yet" in label_of(app, paper) for paper in PAPERS)
    assert not [key for key in keys(app) if key.startswith("run-")], "closed cards are not drawn"


def test_every_card_can_be_opened_by_a_link(store: Store, show: Show) -> None:
    app = show(PAGE.path, paper=[paper.name for paper in PAPERS])
    assert not app.exception
    said = texts(app)
    for paper in PAPERS:
        for text in (paper.published, paper.setup, paper.method, paper.differences, paper.source):
            assert plain(text) in said
        assert f"]({paper.link})" in said
        assert all(plain(expectation.statement) in said for expectation in paper.expectations)
        assert f"run-{paper.name}" in keys(app)


def test_run_queues_exactly_what_a_card_lacks_as_one_sweep(
    store: Store, show: Show, workers: list[Store]
) -> None:
    (experiment, first), (_, second) = HOCHREITER.configs()
    record(store, experiment, first, "before")
    app = show(PAGE.path, paper=HOCHREITER.name)
    assert any(text.value.startswith("1 of 2 measured; 1 run") for text in app.text)
    app.button(key=f"run-{HOCHREITER.name}").click().run()
    assert not app.exception
    (queued,) = store.runs(status="SCHEDULED")
    assert config_of(queued) == second
    assert queued.sweep.startswith(f"paper-{HOCHREITER.name}")
    assert len(workers) == 1
    assert "Being measured" in label_of(app, HOCHREITER)
    assert "1 of 2 runs measured" in str(app.get("progress")[0].proto.text)


def test_all_that_is_missing_is_queued_once(store: Store, show: Show, workers: list[Store]) -> None:
    app = show(PAGE.path)
    app.session_state["all-missing"] = True
    app.run()
    app.button(key="run-all").click().run()
    queued = [(run.experiment, str(config_of(run))) for run in store.runs()]
    wanted = {(e.name, str(config)) for paper in PAPERS for e, config in paper.configs()}
    assert set(queued) <= wanted
    assert len(queued) == len(set(queued))
    assert {run.sweep.split(" ")[0] for run in store.runs()} == {"papers"}


def test_a_run_that_another_command_makes_asks_for_no_worker(store: Store, show: Show) -> None:
    experiment, config = GREFF.configs()[0]
    record(store, experiment, config, "by the command run", "RUNNING")
    app = show(PAGE.path, paper=GREFF.name)
    assert "Being measured" in label_of(app, GREFF)
    assert "No worker is running" not in texts(app)
    store.create(experiment, config, sweep="queued")
    assert "No worker is running" in texts(show(PAGE.path, paper=GREFF.name))


def test_a_failed_run_says_why_and_can_be_run_again(store: Store, show: Show) -> None:
    experiment, config = GREFF.configs()[0]
    record(store, experiment, config, "before", "FAILED")
    app = show(PAGE.path, paper=GREFF.name)
    assert plain(NASTY) in app.warning[0].value
    assert "A run failed" in label_of(app, GREFF)
    assert f"run-{GREFF.name}" in keys(app)


def test_a_measured_card_has_its_parts_and_links_its_runs(store: Store, show: Show) -> None:
    ids = measure(store, HOCHREITER)
    app = show(PAGE.path, paper=HOCHREITER.name)
    assert not app.exception
    assert app.subheader[0].value.startswith(plain("1 of 11 papers is measured"))
    said = texts(app)
    for expectation in HOCHREITER.expectations:
        assert plain(expectation.statement) in said
    assert said.count("-badge[") >= 1 + len(HOCHREITER.expectations)
    assert "Span" in said
    assert "In the address" not in said, "a page shows no docstrings"
    links = [str(link.proto.query_string) for link in app.get("page_link")]
    assert {f"run={run_id}" for run_id in ids} <= set(links)
    assert f"run-{HOCHREITER.name}" not in keys(app)


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("holds", "Reproduces"),
        ("partly", "Reproduces in part"),
        ("does not hold", "Does not reproduce here"),
        ("not decided", "Undecided"),
    ],
)
def test_an_outcome_is_said_as_of_a_published_claim(
    store: Store, show: Show, monkeypatch: pytest.MonkeyPatch, outcome: str, words: str
) -> None:
    judged = Verdict(outcome, "Measured.")  # type: ignore[arg-type]
    monkeypatch.setattr(type(CHO), "verdict", lambda self, results: judged)
    app = show(PAGE.path)
    assert f" {words}]" in label_of(app, CHO)


def test_a_link_to_no_paper_is_explained(store: Store, show: Show) -> None:
    app = show(PAGE.path, paper=["nobody-1900", CHO.name])
    assert not app.exception
    assert "nobody" in app.warning[0].value
    assert f"run-{CHO.name}" in keys(app)


def test_an_opened_card_is_in_the_address(store: Store, show: Show) -> None:
    app = show(PAGE.path, paper=CHO.name)
    assert CHO.name in app.query_params["paper"]
    app = show(PAGE.path)
    assert "paper" not in app.query_params
