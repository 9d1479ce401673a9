"""The Scorecard half of Compare in every state: empty, one question measured, all, on its way."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.analysis.scorecard import Terms
from core.experiment import Experiment
from core.experiments import all_experiments
from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.memory_span import MEMORY_SPAN
from core.experiments.parameter_count import PARAMETER_COUNT
from core.models.registry import variants
from core.store.tracking import Store
from dashboard.ui.text import plain
from dashboard.views.compare import scorecard
from dashboard.views.compare.scorecard import query
from experiments.scorecards import ScorecardIndex, launches
from tests.dashboard.conftest import Show, texts
from tests.dashboard.scenes import record

LAUNCH = "views/launch.py"


@pytest.fixture
def show_card(show: Show) -> Show:
    """The page's Scorecard half."""
    return functools.partial(show, "views/compare/page.py", show="Scorecard")


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> list[Store]:
    """Stores for which a worker was asked, instead of real workers."""
    woken: list[Store] = []
    monkeypatch.setattr("experiments.worker.ensure_worker", woken.append)
    return woken


def keys(app: AppTest) -> set[str]:
    return {str(button.key) for button in app.button}


def asked(app: AppTest, key: str) -> list[str]:
    value = app.query_params[key]
    return [value] if isinstance(value, str) else list(value)


def table_of(app: AppTest) -> Any:
    return app.table[0].value


def test_an_empty_store_says_what_would_be_measured(
    scene: Callable[[str], Store], show_card: Show
) -> None:
    scene("empty")
    app = show_card()
    assert not app.exception
    assert app.subheader[0].value == plain("Nothing is measured at hidden size 64 yet.")
    said = texts(app)
    for experiment in all_experiments():
        assert plain(experiment.question) in said
    assert said.count("Not measured yet.") == len(all_experiments())
    assert "scorecard-queue" in keys(app)
    assert len(app.table) == 1, "the chapter's, with nothing in it"
    state = show_card(mode="Equal state")
    assert not state.exception
    assert plain("Nothing is measured at a state of 512 bytes yet.") in state.subheader[0].value
    other = show_card(mode="Equal parameters")
    assert not other.exception
    assert (
        plain("Nothing is measured at a budget of 100,000 parameters") in other.subheader[0].value
    )


def test_a_full_store_has_every_question_and_its_usual_choices(
    scene: Callable[[str], Store], show_card: Show
) -> None:
    scene("full")
    app = show_card()
    assert not app.exception
    assert "RNN has the fewest parameters" in app.subheader[0].value
    chosen = app.multiselect[0].value
    assert list(table_of(app).columns) == [plain(kind) for kind in chosen]
    assert len(chosen) == len(variants())
    assert app.selectbox(key="control width").value == "64"
    assert "CPU (Made-up" in app.selectbox(key="control machine").value
    assert "scorecard-queue" not in keys(app), "nothing is missing"
    assert "3\u00a0seeds" in str(table_of(app).iloc[0, 0])


def test_a_link_reopens_the_columns_that_were_chosen(
    scene: Callable[[str], Store], show_card: Show
) -> None:
    scene("full")
    app = show_card(kinds=["GRU", "LSTM"], width="64")
    assert list(table_of(app).columns) == ["LSTM", "GRU"]
    app.multiselect[0].set_value(["RNN"]).run()
    assert asked(app, "kinds") == ["RNN"]
    bad = show_card(kinds=["LSTMM", "GRU"], width="65", machine="Cray")
    said = " ".join(str(w.value) for w in bad.warning)
    assert all(word in said for word in ("LSTMM", "65", "Cray"))
    assert list(table_of(bad).columns) == ["GRU"]


def test_one_question_alone_leaves_the_others_open(
    store: Store, show_card: Show, workers: list[Store]
) -> None:
    for config in PARAMETER_COUNT.configs(["rnn", "lstm"], {"input_size": [7]}):
        record(store, PARAMETER_COUNT, config, "one")
    app = show_card()
    assert not app.exception
    said = texts(app)
    assert plain("5 of 6 questions are not measured yet.") in said
    assert plain("All of its runs: input size 7; all else at its default; measured on cpu.") in said
    app.button(key="scorecard-queue").click().run()
    assert not app.exception
    queued = store.runs(status="SCHEDULED")
    assert workers
    assert len(queued) == 1 + 3 * 3 + 3 * 3 + 3 * 3, "GRU; then the cells, some by seed"
    (gru,) = (run for run in queued if run.experiment == PARAMETER_COUNT.name)
    assert (gru.settings["cell"], gru.settings["input_size"]) == ("gru", 7)
    assert "scorecard-queue" not in keys(app), "all of it is on its way"
    assert f"{len(queued)} runs of this scorecard in progress" in texts(app)


def test_what_failed_is_said_and_can_be_queued_again(store: Store, show_card: Show) -> None:
    (config,) = MEMORY_SPAN.configs(["rnn"], {})
    record(store, MEMORY_SPAN, config, "one", "FAILED")
    app = show_card()
    assert not app.exception
    assert config.architecture.label in app.warning[0].value
    assert "<script>" not in app.warning[0].value.replace(r"\<script\>", "")
    assert "scorecard-queue" in keys(app)


def test_at_equal_parameters_the_achieved_sizes_are_said(store: Store, show_card: Show) -> None:
    for config in PARAMETER_COUNT.configs(["rnn", "lstm"], {"parameter_budget": [9000]}):
        record(store, PARAMETER_COUNT, config, "one")
    app = show_card(mode="Equal parameters")
    assert not app.exception
    assert "budget of 9,000 parameters" in app.subheader[0].value
    assert plain("At 9,000 parameters (recurrent layers): RNN 67 → 8,911 (-0.99%)") in texts(app)
    for config in PARAMETER_COUNT.configs(["rnn", "lstm"], {"state_budget": [256, 512]}):
        record(store, PARAMETER_COUNT, config, "one")
    app = show_card(mode="Equal state", state="256")
    assert "At a state of 256 bytes" in app.subheader[0].value
    assert plain("LSTM 32 → 256 bytes, 12,544 parameters") in texts(app)


@pytest.mark.parametrize("experiment", all_experiments(), ids=lambda e: e.name)
def test_a_link_to_the_launch_form_asks_for_exactly_the_missing_runs(
    experiment: Experiment, scene: Callable[[str], Store], show: Show, monkeypatch: Any
) -> None:
    scene("empty")
    settings: dict[str, Any] = {"hidden_size": [32]}
    if experiment is LENGTH_QUALITY:
        settings |= {"seeds": [2], "source_reversed": ["true"]}
    configs = experiment.configs(["rnn", "bi-gru"], settings)
    (launch,) = launches(experiment, configs)
    started: list[Any] = []
    monkeypatch.setattr("dashboard.ui.actions.launch", lambda e, c: started.extend([e, list(c)]))
    app = show(LAUNCH, **query(launch))  # type: ignore[arg-type]
    app.button(key="start").click().run()
    assert not app.exception
    assert started == [experiment, configs]


def test_the_figure_has_a_panel_per_measure_and_is_one_chart_as_a_file(
    scene: Callable[[str], Store],
) -> None:
    store = scene("full")
    shelved = ScorecardIndex(store.table).at(store.runs())
    card = shelved.scorecard(["RNN", "bi-LSTM"], Terms(hidden_size=64))
    drawn = scorecard.panels(card, dark=False)
    assert len(drawn) == sum(len(question.lines) for question in card.questions)
    whole = scorecard.figure(card).to_dict()
    assert len(whole["concat"]) == len(drawn)
    for question, _, chart in drawn:
        assert chart.title.text == question.experiment.title
