"""The page Choose in every state: empty, one question measured, all, on its way; its limits."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.analysis.choice import usual_measures, weighable
from core.analysis.limits import parse_limits
from core.analysis.runs import finished_run
from core.analysis.scorecard import Terms
from core.experiment import Experiment
from core.experiments import all_experiments
from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.memory_span import MEMORY_SPAN
from core.experiments.parameter_count import PARAMETER_COUNT
from core.models.registry import usual_variants
from core.store.tracking import Store
from dashboard.ui.text import plain
from dashboard.views.choose import balance, figures, missing, table
from dashboard.views.choose.scorecard import query
from experiments.scorecards import ScorecardIndex, launches
from tests.dashboard.conftest import Show, texts
from tests.dashboard.scenes import record

LAUNCH = "views/launch.py"


@pytest.fixture
def show_card(show: Show) -> Show:
    """The page Choose."""
    return functools.partial(show, "views/choose/page.py")


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
    return app.dataframe[0].value


def to_measure(app: AppTest) -> list[Any]:
    return [box for box in app.checkbox if str(box.key).startswith("measure-")]


def tick_all(app: AppTest) -> None:
    for box in to_measure(app):
        box.check()
    app.run()


def test_an_empty_store_says_what_would_be_measured(
    scene: Callable[[str], Store], show_card: Show
) -> None:
    scene("empty")
    app = show_card()
    assert not app.exception
    assert "no quality is measured" in app.subheader[0].value
    assert plain("RNN has the fewest parameters (8,320)") in texts(app)
    assert "launch-proposal" in keys(app)
    assert table_of(app).loc["LSTM", "parameters"] == 33_280, "counted without a run"
    ticked = [box.value for box in to_measure(app)]
    assert len(ticked) == len(all_experiments())
    assert 0 < ticked.count(True) < len(ticked), "only what is cheap"
    labels = "".join(str(box.label) for box in app.expander)
    for experiment in all_experiments():
        assert plain(experiment.question) in labels
    assert labels.count("not measured") == len(all_experiments()) - 1, "parameters are counted"
    assert "scorecard-queue" in keys(app)
    state = show_card(mode="Equal state")
    assert not state.exception
    assert plain("at a state of 512 bytes, ") in state.subheader[0].value
    other = show_card(mode="Equal parameters")
    assert not other.exception
    assert plain("Nothing is measured at a budget of 100,000 parameters") in texts(other)


def test_a_full_store_has_every_question_and_its_usual_choices(
    scene: Callable[[str], Store], show_card: Show
) -> None:
    scene("full")
    app = show_card()
    assert not app.exception
    assert "RNN has the fewest parameters" in texts(app)
    assert "Choose " in app.subheader[0].value
    chosen = app.multiselect[0].value
    assert list(table_of(app).index) == chosen
    assert len(chosen) == len(usual_variants())
    assert app.selectbox(key="control width").value == "64"
    machine = app.selectbox(key="control machine").value
    assert "CPU (Made-up" in machine
    assert any(f"measured on {plain(machine)}" in caption.value for caption in app.caption)
    assert "scorecard-queue" not in keys(app), "nothing is missing"


def test_a_link_reopens_the_columns_that_were_chosen(
    scene: Callable[[str], Store], show_card: Show
) -> None:
    scene("full")
    app = show_card(kinds=["GRU", "LSTM"], width="64")
    assert list(table_of(app).index) == ["LSTM", "GRU"]
    app.multiselect[0].set_value(["RNN"]).run()
    assert asked(app, "kinds") == ["RNN"]
    bad = show_card(kinds=["LSTMM", "GRU"], width="wide", machine="Cray", limit="weight<=3")
    said = " ".join(str(w.value) for w in bad.warning)
    assert all(word in said for word in ("LSTMM", "wide", "Cray", "weight"))
    assert list(table_of(bad).index) == ["GRU"]
    other = show_card(mode="Equal parameters", budget="200k")
    assert other.selectbox(key="control budget").value == "200000"
    assert table_of(other)["parameters"].between(195_000, 205_000).all(), "counted, not measured"


def test_the_address_of_november_still_opens_the_scorecard(
    scene: Callable[[str], Store], show: Show
) -> None:
    scene("full")
    app = show("views/compare/page.py", show="Scorecard", kinds=["LSTM", "GRU"])
    assert not app.exception
    assert app.title[0].value == "Choose"
    assert list(table_of(app).index) == ["LSTM", "GRU"]


def test_limits_are_typed_into_fields_and_strike_out_what_does_not_fit(
    scene: Callable[[str], Store], show_card: Show
) -> None:
    scene("full")
    app = show_card(kinds=["RNN", "LSTM"])
    fields = {field.label: field for field in app.text_input}
    fields[plain("Recurrent parameters ≤")].set_value("0.15k").run()
    assert not app.exception
    assert asked(app, "limit") == ["parameters<=0.15k"]
    fields = {field.label: field for field in app.text_input}
    fields[plain("p99 latency ≤")].set_value("0.25 ms").run()
    said = texts(app)
    assert "~~LSTM~~" in said
    assert f"~~LSTM~~] {plain('recurrent parameters 200')}" in said
    assert f"RNN] not decided: {plain('p99 latency 100 µs, 1 launch only')}" in said
    fields = {field.label: field for field in app.text_input}
    fields[plain("p99 latency ≤")].set_value("soon").run()
    assert plain("latency_p99_us is limited to 'soon'; give an amount in µs") in app.error[0].value
    fields = {field.label: field for field in app.text_input}
    fields[plain("p99 latency ≤")].set_value("").run()
    assert asked(app, "limit") == ["parameters<=0.15k"]
    assert not app.error


def test_a_need_and_a_device_are_chosen_and_stay_in_the_address(
    scene: Callable[[str], Store], show_card: Show
) -> None:
    scene("full")
    app = show_card(limit="parameters<=1k")
    app.checkbox(key="need both-sides").check().run()
    assert not app.exception
    assert asked(app, "limit") == ["parameters<=1k", "both-sides"]
    assert f"~~RNN~~] {plain('sees only what came before')}" in texts(app)
    app.checkbox(key="need both-sides").uncheck().run()
    assert asked(app, "limit") == ["parameters<=1k"]
    elsewhere = show_card(limit="p99<=1ms", device="cuda")
    assert not elsewhere.exception
    assert plain("Throughput (") in texts(elsewhere), "it is to be measured there"
    assert elsewhere.subheader[0].value.startswith("Choose none yet")


def test_the_launch_that_would_decide_is_one_button(
    store: Store, show_card: Show, workers: list[Store]
) -> None:
    app = show_card(limit="span>=200")
    assert not app.exception
    app.button(key="launch-proposal").click().run()
    assert not app.exception
    queued = store.runs(status="SCHEDULED")
    assert workers
    assert {(run.experiment, run.settings["longest_lag"]) for run in queued} == {
        (MEMORY_SPAN.name, 200)
    }
    assert "launch-proposal" not in keys(app), "it is on its way"
    assert f"{len(queued)} runs of it in progress" in texts(app)


def test_shades_follow_rank_and_direction_and_ties_share_the_best_one(
    scene: Callable[[str], Store],
) -> None:
    store = scene("full")
    card = (
        ScorecardIndex(store.table)
        .at(store.runs())
        .scorecard(["RNN", "LSTM", "GRU"], Terms(hidden_size=64))
    )
    lines = card.lines
    assert table.shades(lines["parameters"]) == {"RNN": 1.0, "LSTM": 0.5, "GRU": 0.0}
    assert table.shades(lines["latency_p99_us"]) == {}, "absolute times are not ranked"


def test_one_question_alone_leaves_the_others_open(
    store: Store, show_card: Show, workers: list[Store]
) -> None:
    for config in PARAMETER_COUNT.configs(["rnn", "lstm"], {"input_size": [7]}):
        record(store, PARAMETER_COUNT, config, "one")
    app = show_card(question=PARAMETER_COUNT.name)
    assert not app.exception
    labels = [str(box.label) for box in app.expander]
    assert sum("not measured" in label for label in labels) == 8
    assert any(plain("RNN is the best in") in label for label in labels)
    said = texts(app)
    assert plain("8 of 9 questions are not measured yet.") in said
    assert plain("All of its runs: input size 7; all else at its default; measured on cpu.") in said
    tick_all(app)
    app.button(key="scorecard-queue").click().run()
    assert not app.exception
    queued = store.runs(status="SCHEDULED")
    assert workers
    assert len(queued) == 1 + 3 * 3 + 3 * 3 + 3 * 3 + 3 + 3 + 3, "GRU; then the cells, some by seed"
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


def test_what_failed_and_was_made_since_is_not_said_to_have_failed() -> None:
    broken, made = (finished_run(name, MEMORY_SPAN.name, {}, order=5) for name in "ab")
    earlier, later = (replace(made, submitted=when) for when in (1.0, 9.0))
    assert missing.not_made_since([broken], [earlier, later]) == []
    assert missing.not_made_since([broken], [earlier]) == [broken]


def test_at_equal_parameters_the_achieved_sizes_are_said(store: Store, show_card: Show) -> None:
    for config in PARAMETER_COUNT.configs(["rnn", "lstm"], {"parameter_budget": [9000]}):
        record(store, PARAMETER_COUNT, config, "one")
    app = show_card(mode="Equal parameters", question=PARAMETER_COUNT.name)
    assert not app.exception
    assert "budget of 9,000 parameters" in app.subheader[0].value
    assert plain("At 9,000 parameters (recurrent layers): RNN 67 → 8,911 (-0.99%)") in texts(app)
    for config in PARAMETER_COUNT.configs(["rnn", "lstm"], {"state_budget": [256, 512]}):
        record(store, PARAMETER_COUNT, config, "one")
    app = show_card(mode="Equal state", state="256", question=PARAMETER_COUNT.name)
    assert "at a state of 256 bytes" in app.subheader[0].value
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
    monkeypatch.setattr(
        "dashboard.ui.actions.launch", lambda e, c, name="", **_: started.extend([e, list(c)])
    )
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
    drawn = figures.panels(card, dark=False)
    assert len(drawn) == sum(len(question.lines) for question in card.questions)
    whole = figures.figure(card).to_dict()
    assert len(whole["concat"]) == len(drawn)
    for question, _, chart in drawn:
        assert chart.title.text == question.experiment.title


def test_quality_is_traded_against_what_is_limited_or_the_latency(
    scene: Callable[[str], Store],
) -> None:
    store = scene("full")
    snapshot = ScorecardIndex(store.table).at(store.runs())
    kinds, terms = ["RNN", "LSTM", "GRU"], Terms(hidden_size=64)
    card = snapshot.scorecard(kinds, terms)
    lines = weighable(card)
    assert usual_measures(card) == ("percent_distance_steps", "latency_p99_us")
    limited = snapshot.scorecard(kinds, terms, limits=parse_limits(["state<=1k", "span>=2"]))
    y, x = usual_measures(limited)
    assert (x, y) == ("state_bytes", "span")
    points = balance.points_of(card, lines[x], lines[y])
    assert list(points["label"]) == kinds
    assert list(points["size"]) == [lines["parameters"].cells[k].estimate.value for k in kinds]
