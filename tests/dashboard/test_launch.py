"""Launching from the page: what is queued, what is refused, and that a refusal records nothing."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.experiment import Experiment
from core.experiments import all_experiments, config_of
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.parameter_count import PARAMETER_COUNT
from core.experiments.throughput import THROUGHPUT
from core.models.registry import usual_variants
from core.processes import process_identity
from core.store.folder import StoreError
from core.store.people import current_user
from core.store.records import TAG_OWNER
from core.store.tracking import Store
from dashboard.navigation import launching, page_of
from dashboard.ui.text import plain
from experiments.cli import parse
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


def repeating(app: AppTest) -> AppTest:
    return app.toggle(key="control again").set_value(True).run()


def test_starting_queues_every_variant_as_one_comparison(
    store: Store, show: Show, workers: list[Store]
) -> None:
    app = start(show(LAUNCH))
    assert not app.exception
    runs = store.runs()
    assert [run.settings["cell"] for run in runs] == ["rnn", "lstm", "gru"] * 2
    assert {run.status for run in runs} == {"SCHEDULED"}
    assert len({run.sweep for run in runs}) == 1
    assert {run.user for run in runs} == {current_user()}
    assert app.query_params["watch"] in (runs[0].sweep, [runs[0].sweep])
    assert len(workers) == 1


def test_a_second_click_starts_nothing_and_a_repetition_is_asked_for(
    store: Store, show: Show, workers: list[Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = show(LAUNCH)
    app = start(show(LAUNCH, name="all six"))
    assert {run.sweep_name for run in store.runs()} == {"all six"}
    button = app.button(key="start")
    assert (button.label, button.disabled) == ("Started", True)
    assert "6 runs of 8 seeds: 6 queued or running" in texts(app)
    stale = start(stale)  # a click on a button that was drawn before
    assert not stale.exception
    assert len(store.runs()) == 6
    assert "0 of 6 runs finished" in texts(stale)
    assert repeating(app).button(key="start").label == "Start"
    stale = repeating(show(LAUNCH, name="all six"))
    app = start(app)
    assert len(store.runs()) == 12
    assert app.button(key="start").disabled, "and that does not repeat itself either"
    start(stale)
    assert len(store.runs()) == 12, "nor at the second of two clicks"
    monkeypatch.setattr("dashboard.ui.actions.SECOND_CLICK_SECONDS", 0.0)
    start(repeating(show(LAUNCH)))
    assert len(store.runs()) == 18, "but later it is asked for"


def test_runs_that_are_made_already_are_not_repeated_but_shown_with_the_new_ones(
    store: Store, show: Show, workers: list[Store]
) -> None:
    made = [
        record(store, EXPERIMENT, config, "before")
        for config in EXPERIMENT.configs(["rnn", "gru"], {})
    ]
    app = show(LAUNCH)
    assert "6 runs of 8 seeds: 2 made already, 4 to start" in texts(app)
    app = start(app)
    new = store.runs(status="SCHEDULED")
    assert [run.settings["cell"] for run in new] == ["lstm", "rnn", "lstm", "gru"]
    assert app.query_params["watch"] == [new[0].sweep, *(run_id[:8] for run_id in made)]
    assert "2 of 6 runs finished" in texts(app)
    for run in new:
        store.end(run.run_id, "FINISHED")
    app = show(LAUNCH)
    assert app.button(key="start").disabled
    (link,) = (x for x in app.get("page_link") if x.proto.page == "gradient-flow")
    assert link.proto.query_string.count("runs=") == 6


def test_a_grid_of_two_settings_is_one_sweep(
    store: Store, show: Show, workers: list[Store]
) -> None:
    app = show(
        LAUNCH,
        experiment=LENGTH_QUALITY.name,
        variants=["LSTM", "RNN"],
        vary=["Forget bias", "Hidden size"],
        forget_bias="-1:1",
        hidden_size="16, 32",
        seeds="2",
    )
    product = (
        "2 variants × 3 values of forget bias (LSTM only) × 2 values of hidden size × 2 seeds = "
        "16 runs, time unknown until the first is done"
    )
    assert product in texts(app)
    assert plain("RNN 16 →") in texts(app)
    assert plain("LSTM 16 →") in texts(app), "sizes once, not for each forget bias"
    (command,) = (code.value for code in app.code if "submit" in code.value)
    assert command == (
        "python -m experiments submit length-quality --variants rnn,lstm --seeds=2 "
        "--forget-bias=-1:1 --hidden-size=16,32"
    )
    start(app)
    assert len({run.sweep for run in store.runs()}) == 1
    grid = {(r.settings["forget_bias"], r.settings["hidden_size"]) for r in store.runs()}
    assert grid == {*itertools.product((-1.0, 0.0, 1.0), (16, 32)), (None, 16), (None, 32)}


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
    assert "Seeds" not in app.multiselect(key="control vary").options
    start(app)
    made = [(r.settings["attention"], r.settings["seed"]) for r in store.runs()]
    assert made == [("none", 0), ("none", 1), ("dot", 0), ("dot", 1)]


def test_choosing_an_experiment_fills_in_its_first_comparison(store: Store, show: Show) -> None:
    app = show(LAUNCH, variants=["LSTM"])
    app.button_group(key="control experiment").set_value(LENGTH_QUALITY.name).run()
    assert not app.exception
    assert app.multiselect(key="control vary").value == ["Attention"]
    assert app.button_group(key="control attention").value == ["none", "dot"]


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
    wanted = PARAMETER_COUNT.configs(list(usual_variants()), asked)
    assert [config_of(run) for run in store.runs()] == wanted
    assert len({run.settings["hidden_size"] for run in store.runs()}) == len(usual_variants())


def test_varying_a_setting_compares_its_values_where_the_cell_has_it(
    store: Store, show: Show, workers: list[Store]
) -> None:
    app = show(LAUNCH, variants=["RNN", "LSTM"], vary="Forget bias", values="0, 1, none")
    start(app)
    biases = [(run.settings["cell"], run.settings["forget_bias"]) for run in store.runs()]
    assert biases == [("rnn", None), ("lstm", 0.0), ("lstm", 1.0), ("lstm", None)]


def test_a_link_of_november_varies_its_one_setting_until_it_is_changed(
    store: Store, show: Show
) -> None:
    app = show(LAUNCH, **{**launching(LENGTH_QUALITY.name), "values": "none, dot"})
    assert app.button_group(key="control attention").value == ["none", "dot"]
    app.button_group(key="control attention").set_value(["dot"]).run()
    assert app.button_group(key="control attention").value == ["dot"]
    assert "values" not in app.query_params


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ("0, 99", "forget_bias is '99'; give a number from -20 to 20"),
        ("x", "forget_bias is 'x'; give a number from -20 to 20"),
        ("0:3:0", "forget_bias is '0:3:0'; give a number from -20 to 20"),
        (":,", "forget_bias is ':'; give a number from -20 to 20"),
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
    assert "time unknown until the first is done" in texts(show(LAUNCH))
    for seconds, words in (
        ((4.0, 7.0), "about 4 to 7 s"),
        ((61.0, 62.0), "about 1 min"),
        ((50.0, 130.0), "about 50 s to 2 min"),
        ((60.0, 720.0), "up to 12 min"),
    ):
        monkeypatch.setattr("experiments.durations.estimate", lambda *_, s=seconds: s)
        assert f"6 runs of 8 seeds, {words}" in texts(show(LAUNCH))


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
    assert len(store.runs()) == len(usual_variants())


def test_a_suite_is_queued_whole(store: Store, show: Show, workers: list[Store]) -> None:
    suite = SUITES[0]
    app = show(LAUNCH)
    app.session_state["suites"] = True  # open
    app.run().button(key=f"suite-{suite.name}").click().run()
    assert len(store.runs()) == len(suite.configs())
    assert app.button(key=f"suite-{suite.name}").disabled, "nothing of it is left to start"
    assert f"{suite.title}** · 0 of" in texts(app), "one launch, not one for each sweep"


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
    store.take(run_id, owner, {})
    for there in (owner, {**owner, "host": "elsewhere"}):
        store.set_tags(run_id, {TAG_OWNER: json.dumps(there)})
        assert "do not need one" in texts(show(LAUNCH))
    assert "queued runs do not start" not in texts(show(page.path))
    store.set_tags(run_id, {TAG_OWNER: json.dumps({**owner, "created": 1.0})})
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
    """Each has figures of its own only where a run has finished and others have not."""
    for experiment in all_experiments() if name == "running" else all_experiments()[:1]:
        app = show(LAUNCH, watch=scene(name).runs(experiment.name)[0].sweep)
        assert not app.exception, experiment.name


@pytest.mark.parametrize("started", [False, True])
def test_a_sweep_of_several_experiments_has_one_bar_and_a_figure_and_a_link_for_each(
    store: Store, show: Show, started: bool
) -> None:
    """Running without a row, and with one finished run of each."""
    sweep = "scorecard 2026-11-23 04:30:12 7f3a"
    for experiment in all_experiments():
        one, other, *_ = experiment.configs(["lstm", "bi-lstm"], {})
        record(store, experiment, one, sweep, "FINISHED" if started else "SCHEDULED")
        run_id = store.create(experiment, other, sweep=sweep)
        store.take(run_id, {**process_identity(), "started": time.time()}, {})
    app = show(LAUNCH, watch=sweep)
    assert not app.exception
    whole, *lines = [line.proto for line in app.get("progress")]
    number = len(all_experiments())
    assert f"{number if started else 0} of {2 * number} runs finished" in texts(app)
    assert whole.value == pytest.approx(50 if started else 0, abs=1)
    assert all(
        plain(e.title) in line.text for e, line in zip(all_experiments(), lines, strict=False)
    )
    links = {link.proto.page for link in app.get("page_link")}
    pages = {page.address for e in all_experiments() if (page := page_of(e.name))}
    assert (pages <= links) is started
    assert len(app.get("vega_lite_chart")) == (number if started else 0)


def test_all_of_a_launch_is_cancelled_where_it_is_shown(
    store: Store, show: Show, workers: list[Store]
) -> None:
    app = start(show(LAUNCH))
    (button,) = (b for b in app.button if b.label == "Cancel 6 runs")
    app = button.click().run()
    assert {run.status for run in store.runs()} == {"KILLED"}
    assert "0 of 6 runs finished · 6 cancelled" in texts(app).replace("\\", "")


def test_the_end_of_a_launch_is_told_once(store: Store, show: Show, workers: list[Store]) -> None:
    app = start(show(LAUNCH, variants=["GRU"], name="one"))
    assert not [toast for toast in app.toast if "finished" in toast.value]
    store.end(store.runs()[0].run_id, "FINISHED")
    assert [toast.value for toast in app.run().toast] == [plain("one: 1 of 1 run finished")]
    assert not app.run().toast
    assert "All runs are finished" in texts(app)


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


class TestUntilDecided:
    """What would be started, without starting it."""

    @pytest.fixture(autouse=True)
    def nobody_decides(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("dashboard.ui.actions._deciding", {})

    @pytest.fixture
    def app(self, store: Store, show: Show) -> AppTest:
        for config in GRADIENT_DECAY.configs(["rnn", "lstm"], {"seeds": [3]}):
            record(store, GRADIENT_DECAY, config, "few")
        app = show("views/results/gradient_flow.py")
        app.number_input(key="limit-more-seeds-gradient-decay").set_value(20).run()
        return app

    @staticmethod
    def press(app: AppTest) -> AppTest:
        return app.button(key="start-more-seeds-gradient-decay").click().run()

    def test_the_command_line_looks_and_adds(
        self, app: AppTest, store: Store, workers: list[Store], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert "4 looks, at 3, 6, 12 and 20 each" in texts(app)
        commands = []

        def start(command: list[str], env: dict[str, str], log: Path, *, detached: bool) -> Any:
            assert not detached
            commands.append(command)
            for config in GRADIENT_DECAY.configs(["rnn", "lstm"], {"seeds": [3], "seed": [3]}):
                record(store, GRADIENT_DECAY, config, "few", "SCHEDULED")
            return SimpleNamespace(poll=lambda: None)

        monkeypatch.setattr("experiments.worker.start_process", start)
        assert not self.press(app).exception
        ((_, _, _, *words),) = commands
        asked = parse(words)
        assert asked.until_decided == 20
        assert set(asked.runs) == {run.run_id for run in store.runs(status="FINISHED")}
        assert len(workers) == 1
        assert "start-more-seeds-gradient-decay" not in [button.key for button in app.button]

    def test_what_stops_it_at_once_is_said(
        self, app: AppTest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def start(command: list[str], env: dict[str, str], log: Path, *, detached: bool) -> Any:
            log.write_text("error: the store is away\n")
            return SimpleNamespace(poll=lambda: 1)

        monkeypatch.setattr("experiments.worker.start_process", start)
        said = [error.value for error in self.press(app).error]
        assert said == [plain("error: the store is away")]
