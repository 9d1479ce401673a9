"""Launching from the page: what is queued, what is refused, and that a refusal records nothing."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from core.experiment import Experiment
from core.experiments import all_experiments, config_of
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.parameter_count import PARAMETER_COUNT
from core.experiments.throughput import THROUGHPUT
from core.models.registry import variants
from core.runner import process_identity
from core.store.folder import StoreError
from core.store.tracking import Store
from dashboard.navigation import launching, page_of
from dashboard.ui.text import plain
from experiments.suites import SUITES
from tests.dashboard.conftest import Show, texts
from tests.dashboard.scenes import record

LAUNCH = "views/launch.py"

EXPERIMENT = all_experiments()[0]


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> list[Store]:
    """Stores for which a worker was asked, instead of real workers."""
    asked: list[Store] = []
    monkeypatch.setattr("experiments.worker.ensure_worker", asked.append)
    return asked


def start(app: AppTest) -> AppTest:
    return app.button(key="start").click().run()


def test_starting_queues_every_variant_as_one_comparison(
    store: Store, show: Show, workers: list[Store]
) -> None:
    app = start(show(LAUNCH))
    assert not app.exception
    runs = store.runs()
    assert [run.settings["cell"] for run in runs] == ["rnn", "lstm", "gru"] * 2
    assert {run.status for run in runs} == {"SCHEDULED"}
    assert {run.sweep for run in runs} == {app.query_params["watch"]}
    assert len(workers) == 1


def test_settings_and_variants_of_the_form_arrive_in_the_runs(
    store: Store, show: Show, workers: list[Store]
) -> None:
    app = show(LAUNCH, variants=["LSTM"], hidden_size="32", forget_bias="1.5", spectrum="false")
    start(app)
    (run,) = store.runs()
    wanted = {"cell": "lstm", "hidden_size": 32, "forget_bias": 1.5, "spectrum": False}
    assert {name: run.settings[name] for name in wanted} == wanted


@pytest.mark.parametrize("experiment", all_experiments(), ids=lambda e: e.name)
def test_every_experiment_can_be_launched_from_its_form(
    store: Store, show: Show, workers: list[Store], experiment: Experiment
) -> None:
    start(show(LAUNCH, experiment=experiment.name, variants=["GRU"]))
    assert {run.experiment for run in store.runs()} == {experiment.name}
    assert [config_of(run) for run in store.runs()] == experiment.configs(["gru"], {})


def test_each_seed_is_a_run_of_its_own_where_the_experiment_says_so(
    store: Store, show: Show, workers: list[Store]
) -> None:
    app = show(LAUNCH, **launching(LENGTH_QUALITY.name), seeds="2")
    assert app.number_input(key="control seeds").value == 2
    assert "Seeds" not in app.selectbox(key="control vary").options
    start(app)
    made = [(r.settings["attention"], r.settings["seed"]) for r in store.runs()]
    assert made == [("none", 0), ("none", 1), ("dot", 0), ("dot", 1)]


def test_choosing_an_experiment_fills_in_its_first_comparison(store: Store, show: Show) -> None:
    app = show(LAUNCH, variants=["LSTM"])
    app.button_group(key="control experiment").set_value(LENGTH_QUALITY.name).run()
    assert not app.exception
    assert (
        app.selectbox(key="control vary").value,
        app.text_input(key="control values").value,
    ) == (
        "Attention",
        "none, dot",
    )


def test_another_experiment_has_its_own_defaults(
    store: Store, show: Show, workers: list[Store]
) -> None:
    app = show(LAUNCH, variants=["LSTM"], sequence_length="77", hidden_size="32")
    assert app.number_input(key="control sequence_length").value == 77
    app.button_group(key="control experiment").set_value(THROUGHPUT.name).run()
    assert not app.exception
    start(app)
    launches = THROUGHPUT.configs(["lstm"], {"hidden_size": [32]})
    assert len(launches) == 3
    assert {config_of(run) for run in store.runs()} == {*launches}


def test_a_link_launches_at_equal_parameters(
    store: Store, show: Show, workers: list[Store]
) -> None:
    app = show(LAUNCH, experiment=PARAMETER_COUNT.name, parameter_budget="50000", input_size="32")
    start(app)
    said = plain("At 50,000 parameters (recurrent layers): RNN 207 → 49,887 (-0.23%)")
    assert said in texts(app), "before anything is started"
    asked = {"parameter_budget": [50_000], "input_size": [32]}
    wanted = PARAMETER_COUNT.configs(list(variants()), asked)
    assert [config_of(run) for run in store.runs()] == wanted
    assert len({run.settings["hidden_size"] for run in store.runs()}) == len(variants())


def test_varying_a_setting_compares_its_values_where_the_cell_has_it(
    store: Store, show: Show, workers: list[Store]
) -> None:
    app = show(LAUNCH, variants=["RNN", "LSTM"], vary="Forget bias", values="0, 1, none")
    start(app)
    biases = [(run.settings["cell"], run.settings["forget_bias"]) for run in store.runs()]
    assert biases == [("rnn", None), ("lstm", 0.0), ("lstm", 1.0), ("lstm", None)]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ("0, 99", "forget_bias is '99'; give a number from -20 to 20"),
        ("x", "forget_bias is 'x'; give a number from -20 to 20"),
    ],
)
def test_a_bad_value_is_a_sentence_at_the_form_and_records_nothing(
    store: Store, show: Show, workers: list[Store], values: str, sentence: str
) -> None:
    app = show(LAUNCH, variants=["LSTM"], vary="Forget bias", values=values)
    assert plain(sentence) in app.error[0].value
    assert app.button(key="start").disabled
    assert store.runs() == []
    assert workers == []


def test_a_device_that_is_not_there_is_a_sentence_and_records_nothing(
    store: Store, show: Show, workers: list[Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = {"cuda": False, "mps": False, "cpu": True}
    monkeypatch.setattr("experiments.queue.devices_here", lambda: here)
    app = start(show(LAUNCH, variants=["GRU"], device="cuda"))
    assert (
        plain("device is cuda, but this machine has none; choose auto or cpu") in app.error[0].value
    )
    assert store.runs() == []
    assert workers == []


def test_without_a_variant_nothing_can_be_started(store: Store, show: Show) -> None:
    app = show(LAUNCH, variants="")
    assert app.button(key="start").disabled
    assert "Select at least one variant" in texts(app)


def test_a_preset_fills_the_form_in(store: Store, show: Show, workers: list[Store]) -> None:
    app = show(LAUNCH, seeds="3")
    (name, values), *_ = EXPERIMENT.presets.items()
    app.button_group(key="control preset").set_value(name).run()
    start(app)
    settings = store.runs()[0].settings
    assert {key: settings[key] for key in values} == dict(values)
    assert settings["seeds"] == EXPERIMENT.config().flat()["seeds"]


def test_the_time_is_estimated_from_what_was_measured_or_said_to_be_unknown(
    store: Store, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "6 runs, about " in texts(show(LAUNCH))
    assert "not known yet" in texts(show(LAUNCH, device="cuda"))
    monkeypatch.setattr("experiments.queue.estimate", lambda *_: (4.0, 70.0))
    assert "6 runs, about 4.0 s to 70 s" in texts(show(LAUNCH))


def test_a_full_queue_is_a_sentence(
    store: Store, show: Show, workers: list[Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiments.queue.MAX_QUEUED", 3)
    app = start(show(LAUNCH))
    assert "cannot be queued" in app.error[0].value
    assert store.runs() == []


def test_a_worker_that_cannot_start_is_a_sentence_and_loses_nothing(
    store: Store, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Store) -> None:
        raise StoreError("no room for a worker")

    monkeypatch.setattr("experiments.worker.ensure_worker", refuse)
    app = start(show(LAUNCH))
    assert not app.exception
    assert "no room for a worker" in app.error[0].value
    assert len(store.runs()) == len(variants())


def test_a_suite_is_queued_whole(store: Store, show: Show, workers: list[Store]) -> None:
    suite = SUITES[0]
    show(LAUNCH).button(key=f"suite-{suite.name}").click().run()
    assert len(store.runs()) == len(suite.configs())


def test_the_overview_queues_the_first_look(store: Store, show: Show, workers: list[Store]) -> None:
    app = show("views/overview.py").button(key="first_look").click().run()
    assert not app.exception
    assert len(store.runs()) == len(SUITES[0].configs())
    assert "Being measured now" in texts(app)


def test_active_runs_can_be_cancelled_where_they_are_shown(
    store: Store, show: Show, workers: list[Store]
) -> None:
    app = start(show(LAUNCH))
    run = store.runs()[0]
    app = app.run()
    app.button(key=f"cancel-{run.run_id}").click().run()
    assert store.run(run.run_id).status == "KILLED"


def test_an_ended_run_is_run_again_from_its_details(
    store: Store, show: Show, workers: list[Store]
) -> None:
    (config,) = EXPERIMENT.configs(["gru"], {})
    run_id = store.create(EXPERIMENT, config, sweep="one")
    store.end(run_id, "FAILED", "gone")
    app = show("views/runs.py", run=run_id)
    app.button(key="retry").click().run()
    again = next(run for run in store.runs() if run.run_id != run_id)
    assert (again.status, again.retry_of, again.settings) == (
        "SCHEDULED",
        run_id,
        store.run(run_id).settings,
    )
    assert app.query_params["run"] == again.run_id


def test_a_run_from_the_command_line_needs_no_worker(
    store: Store, show: Show, workers: list[Store]
) -> None:
    (config,) = EXPERIMENT.configs(["gru"], {})
    run_id = store.create(EXPERIMENT, config, sweep="by hand", status="RUNNING")
    page = page_of(EXPERIMENT.name)
    assert page is not None
    assert "do not need one" in texts(show(LAUNCH)), "it is about to start"
    owner = {**process_identity(), "started": time.time()}
    for there in (owner, {**owner, "host": "elsewhere"}):
        store.mark_running(run_id, there, {})
        assert "do not need one" in texts(show(LAUNCH))
    assert "queued runs do not start" not in texts(show(page.path))
    store.mark_running(run_id, {**owner, "created": 1.0}, {})
    for path in (LAUNCH, page.path):
        assert "queued runs do not start" in texts(show(path)), (
            "its process is gone: a worker would say so"
        )


def test_without_a_worker_the_page_offers_to_start_one(
    scene: Callable[[str], Store], show: Show, workers: list[Store]
) -> None:
    scene("coming")
    app = show(LAUNCH)
    assert "queued runs do not start" in texts(app)
    app.button(key="start_worker").click().run()
    assert len(workers) == 1


@pytest.mark.parametrize("name", ["queued", "coming", "running", "failed", "all failed"])
def test_a_sweep_of_every_experiment_is_watched_as_far_as_it_is(
    name: str, scene: Callable[[str], Store], show: Show
) -> None:
    for experiment in all_experiments():
        app = show(LAUNCH, watch=scene(name).runs(experiment.name)[0].sweep)
        assert not app.exception, experiment.name


def test_active_runs_name_their_experiment_if_there_are_several(
    scene: Callable[[str], Store], store: Store, show: Show
) -> None:
    for config in PARAMETER_COUNT.configs(["rnn", "gru"], {}):
        store.create(PARAMETER_COUNT, config, sweep="alone")
    alone = [line.proto.text for line in show(LAUNCH).get("progress")]
    assert len(alone) == 2
    assert not any("parameter" in line for line in alone)
    scene("queued")
    several = [line.proto.text for line in show(LAUNCH).get("progress")]
    assert all(any(e.name.split("-")[0] in line for e in all_experiments()) for line in several)


@pytest.mark.parametrize("page", ["views/results/gradient_flow.py", "views/compare/page.py"])
def test_seeds_are_added_where_they_would_decide(
    page: str, store: Store, show: Show, workers: list[Store]
) -> None:
    """Three seeds each: no ranks of so few differ. The runs that are added know of both looks."""
    for config in GRADIENT_DECAY.configs(["rnn", "lstm"], {"seeds": [3]}):
        record(store, GRADIENT_DECAY, config, "few")
    app = show(page)
    button = app.button(key="add-more-seeds-gradient-decay")
    assert button.label == "Add 2 seeds"
    button.click().run()
    assert not app.exception
    added = store.runs(status="SCHEDULED")
    assert [(r.settings["seed"], r.settings["seeds"]) for r in added] == [(3, 2)] * 2
    assert {(run.sweep, run.looks) for run in added} == {("few", 2)}
    assert len(workers) == 1
    offered = [button.key for button in show(page).button]
    assert "add-more-seeds-gradient-decay" not in offered, "they are being measured"
