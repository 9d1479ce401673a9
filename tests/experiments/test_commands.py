"""What the commands print and record: data on standard output, everything else beside it."""

from __future__ import annotations

import contextlib
import io
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas
import pytest

from core.analysis.runs import finished_run
from core.chapter import CLAIMS, Measurement
from core.experiment import Config
from core.experiments import all_experiments
from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.parameter_count import PARAMETER_COUNT
from core.formatting import exact_number
from core.models.architecture import Architecture, variant_title
from core.models.counting import count_parameters
from core.models.registry import usual_variants
from core.store.folder import PROJECT
from core.store.records import TAG_CONFIG
from core.store.tracking import Store
from experiments import commands, progress, queue, suites
from experiments.__main__ import main
from experiments.export import EXPORT_FORMATS, tidy
from experiments.suites import Suite, suite_named
from experiments.worker import Worker, WorkerRunning

SMALL = ["--seeds", "2", "--hidden-size", "8", "--sequence-length", "20", "--batch-size", "2"]


@pytest.fixture(scope="module")
def made(
    new_store: Callable[[Path], Store], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Store, str]:
    """A store with the six variants measured by the command that the README names first; and what
    that command printed."""
    store = new_store(tmp_path_factory.mktemp("measured") / "store")
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out):
        patch.setenv("MLFLOW_TRACKING_URI", store.uri)
        assert main(["run", "gradient-decay", *SMALL]) == 0
    return store, out.getvalue()


@pytest.fixture
def measured(made: tuple[Store, str], monkeypatch: pytest.MonkeyPatch) -> Store:
    """That store as the configured one. Tests only read it."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", made[0].uri)
    return made[0]


def test_run_records_six_finished_runs_and_prints_distances_and_rates_with_intervals(
    made: tuple[Store, str],
) -> None:
    store, out = made
    records = store.runs("gradient-decay", "FINISHED")
    assert [record.settings["cell"] for record in records] == ["rnn", "lstm", "gru"] * 2
    assert len({record.sweep for record in records}) == 1
    for record in records:
        rate, low = (exact_number(record.metrics[n]) for n in ("decay_rate", "decay_rate_low"))
        assert f" {record.name} " in out
        assert f" {rate} [{low}, " in out
        assert f" {exact_number(record.metrics['half_distance_steps'])} " in out
        assert record.note
    answer = out[: out.index("┏")]
    assert len(answer.split()) > 5, "the answer comes first"


def test_json_is_the_only_thing_on_standard_output(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "gradient-decay", "--variants", "gru", "--json", *SMALL]) == 0
    (run,) = json.loads(capsys.readouterr().out)
    assert run["status"] == "FINISHED"
    assert run["settings"]["cell"] == "gru"
    assert run["metrics"]["decay_rate"] > 0
    assert main(["runs", "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert listed == run
    assert main(["list", "--json"]) == 0
    declared = json.loads(capsys.readouterr().out)
    assert declared[0]["settings"]["hidden_size"]["allowed"] == "a whole number from 1 to 16,384"


def test_a_failed_run_gives_exit_one_and_says_why(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", "length-quality", "--variants", "rnn", "--seeds", "1"]
    assert main([*words, "--task", "multi30k", "--folder", "/nowhere/at/all"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "FAILED" in err
    assert "name a folder that has it, or let it be fetched" in err
    assert store.runs()[0].status == "FAILED"


def test_runs_are_listed_and_filtered(measured: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "--status", "finished"]) == 0
    out = capsys.readouterr().out
    assert all(record.run_id[:8] in out for record in measured.runs())
    assert main(["runs", "--status", "failed"]) == 0
    assert capsys.readouterr().out == ""


def test_runs_are_searched_as_on_their_page(
    measured: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["runs", "--json", "--search", "variant:bi-gru status:finished"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["settings"]["cell"] == "gru"
    assert main(["runs", "--search", "user:nobody-of-this-name"]) == 0
    assert "No run matches" in capsys.readouterr().err
    assert main(["runs", "--search", "hidden_size=wide"]) == 2
    assert "hidden_size is 'wide'; give a whole number" in capsys.readouterr().err


def test_one_measure_is_printed_as_a_table_of_two_settings(
    measured: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    compare = ["compare", "--experiment", "gradient-decay"]
    assert main([*compare, "--rows", "variant", "--columns", "hidden_size"]) == 2
    assert "columns is 'hidden_size', but these runs differ in variant" in capsys.readouterr().err
    assert main([*compare, "--rows", "variant"]) == 2
    assert "columns is ''; give two different ones" in capsys.readouterr().err
    words = ["--rows", "variant", "--columns", "layers", "--format", "html"]
    assert main([*compare, *words]) == 2
    assert "format is 'html'; a table of rows and columns is" in capsys.readouterr().err


def test_a_grid_is_exported_as_a_table_of_its_two_settings(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    grid = ["--variants", "rnn", "--hidden-size", "4,8", "--input-size", "4,16"]
    assert main(["run", "parameter-count", *grid]) == 0
    capsys.readouterr()
    pivot = ["compare", "--experiment", "parameter-count", "--rows", "hidden_size"]
    pivot += ["--columns", "input_size", "--measure", "parameters"]
    assert main([*pivot, "--format", "csv"]) == 0
    (header, *lines) = capsys.readouterr().out.splitlines()
    assert header.startswith("Hidden size,Input size 4,")
    widths = {line.split(",")[0]: float(line.split(",")[1]) for line in lines}
    assert widths == {"4": 4 * (4 + 4) + 8, "8": 8 * (4 + 8) + 16}, "two biases each"
    assert main([*pivot, "--format", "latex"]) == 0
    assert r"Hidden size / Input size & 4 & 16 \\" in capsys.readouterr().out
    assert main(pivot) == 0
    assert "by hidden size (rows) and input size (columns)" in capsys.readouterr().out


def test_an_export_has_every_row_with_its_run_and_settings(measured: Store) -> None:
    command = [sys.executable, "-m", "experiments", "export", "gradient-decay"]
    words = ["--table", "gradient", "--format", "csv"]
    done = subprocess.run([*command, *words], cwd=PROJECT, capture_output=True, check=True)
    distances = (3 + 2 * 3) * 2 * 20  # two directions have both sides of the loss
    assert len(pandas.read_csv(io.BytesIO(done.stdout))) == distances
    readers = {"csv": pandas.read_csv, "json": pandas.read_json, "parquet": pandas.read_parquet}
    for table, rows in (("gradient", distances), ("summary", 6)):
        whole = tidy(measured, measured.runs(), table)
        for form, read in readers.items():
            frame = read(io.BytesIO(EXPORT_FORMATS[form](whole)))
            assert len(frame) == rows
            assert set(frame["variant"]) == set(usual_variants())
            assert set(frame["hidden_size"]) == {8}
    mine = tidy(measured, measured.runs(), "gradient")
    assert {"seed", "config_seed", "log10_input_gradient", "label"} <= set(mine.columns)
    first = measured.runs()[0]
    whole = measured.table(first, "gradient")["log10_input_gradient"]
    exported = mine[mine["run_id"] == first.run_id]["log10_input_gradient"]
    assert exported.tolist() == whole.tolist(), "full precision"


def test_an_export_of_chosen_runs_only(
    measured: Store, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    chosen = measured.runs()[1]
    assert main(["export", "gradient-decay", "--runs", chosen.run_id[:10]]) == 0
    frame = pandas.read_csv(io.BytesIO(capsysbinary.readouterr().out))
    assert frame["run_id"].tolist() == [chosen.run_id]


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> suites.Suite:
    """A suite of two quick runs, in place of those that there are."""
    settings = {"hidden_size": (8,), "smallest_width": (8,), "largest_width": (16,)}
    part = Measurement("all", PARAMETER_COUNT, ("rnn", "gru"), settings)
    again = Measurement("again", PARAMETER_COUNT, ("gru",), settings)
    tiny = suites.Suite("tiny", "Tiny", "Two runs, one of them named twice.", (part, again))
    monkeypatch.setattr(suites, "SUITES", (tiny,))
    return tiny


@pytest.mark.slow
def test_a_suite_makes_only_what_is_missing(
    store: Store, capsys: pytest.CaptureFixture[str], tiny: Suite
) -> None:
    first, *_ = tiny.configs()
    (left,) = queue.submit(store, *[first[0], [first[1]]], sweep="tiny 2026-01-01 10:00:00 ab all")
    assert main(["suite", "tiny"]) == 0
    finished = store.runs("parameter-count", "FINISHED")
    assert left in [record.run_id for record in finished], "what an interrupted suite left queued"
    assert [record.sweep for record in finished] == ["tiny 2026-01-01 10:00:00 ab all"] * 2
    capsys.readouterr()
    assert main(["suite", "tiny"]) == 0
    assert "2 of 2 runs are recorded already" in capsys.readouterr().err
    assert len(store.runs()) == 2
    assert main(["suite", "tiny", "--queue"]) == 0
    assert len(store.runs("parameter-count", "SCHEDULED")) == 2


def test_a_sweep_makes_every_combination_that_is_not_made_and_retries_what_failed(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = ["sweep", "parameter-count", "--variants", "rnn,lstm", "--hidden-size", "8"]
    assert main([*sweep, "--name", "small"]) == 0
    made = store.runs()
    assert [run.status for run in made] == ["FINISHED"] * 2
    assert main([*sweep, "--time-limit", "5"]) == 0, "a limit makes no other run"
    assert "2 of 2 runs are recorded already" in capsys.readouterr().err
    assert len(store.runs()) == 2
    (failed,) = queue.submit(
        store, PARAMETER_COUNT, PARAMETER_COUNT.configs(["gru"], {}), name="small"
    )
    store.end(failed, "FAILED", "why")
    assert main(["retry", "--sweep", "small"]) == 0
    (again,) = store.runs(status="SCHEDULED")
    assert again.retry_of == failed
    assert main(["retry", "--sweep", "small"]) == 0
    assert "0 runs queued" in capsys.readouterr().err
    assert main(["retry", "--sweep", "nowhere"]) == 2
    assert "sweep is 'nowhere'" in capsys.readouterr().err
    assert main(["retry"]) == 2
    assert "runs is empty" in capsys.readouterr().err


def test_what_cannot_be_read_is_listed_with_the_reason(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    broken, fine = queue.submit(store, PARAMETER_COUNT, PARAMETER_COUNT.configs(["rnn", "gru"], {}))
    store.set_tags(broken, {TAG_CONFIG: "edited"})
    assert main(["runs"]) == 0
    out, err = capsys.readouterr()
    assert fine[:8] in out
    assert broken[:8] not in out
    assert f"run {broken[:8]} (parameter-count · RNN 64 · seed 0) cannot be read: its tag" in err
    assert main(["retry", broken]) == 2
    assert main(["cancel", broken]) == 0
    assert store.run(broken, unreadable=True).status == "KILLED"


@pytest.mark.parametrize(
    "words", [["match", "9" * 4500], ["submit", "gradient-decay", "--seeds", "9" * 4500]]
)
def test_a_number_of_thousands_of_digits_is_one_short_line(
    store: Store, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert len(error) < 1100
    assert store.runs() == []


def test_a_store_that_is_locked_is_one_line(
    store: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr(Store, "create", locked)
    assert main(["submit", "gradient-decay", "--variants", "rnn"]) == 1
    expected = "error: the store does not answer (database is locked); try again when it is there\n"
    assert capsys.readouterr().err == expected


def test_a_suite_does_not_wait_for_a_run_that_somebody_deleted(
    store: Store,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tiny: Suite,
) -> None:
    def other_worker(*_: object, **__: object) -> None:
        """A worker elsewhere makes one of the runs; the other one is deleted in the MLflow UI."""
        first, second = (record.run_id for record in store.runs(status="SCHEDULED"))
        store.end(first, "FINISHED")
        store.client.delete_run(second)
        deleted.append(second)
        raise WorkerRunning("a worker serves this store")

    deleted: list[str] = []
    monkeypatch.setattr(Worker, "serve", other_worker)
    monkeypatch.setattr(progress, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(progress, "CHECK_SECONDS", 0.01)
    assert main(["suite", "tiny"]) == 1
    err = capsys.readouterr().err
    assert f"1 run deleted from the store while waiting: {deleted[0][:8]}" in err
    assert "finished: parameter-count" in err
    assert "still queued" not in err


def test_submit_says_that_no_worker_is_running(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["submit", "gradient-decay", "--variants", "rnn", "--hidden-size", "8,16"]) == 0
    out, err = capsys.readouterr()
    assert out.split() == [record.run_id for record in store.runs(status="SCHEDULED")]
    assert "2 runs queued" in err
    assert "No worker is running here" in err


def test_a_grid_is_queued_under_a_name_without_what_is_made_already_and_cancelled_whole(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    grid = ["submit", "parameter-count", "--variants", "lstm", "--forget-bias", "-1:1"]
    assert main([*grid, "--name", "biases"]) == 0
    (first, *_) = store.runs()
    store.end(first.run_id, "FINISHED")
    assert main([*grid, "--hidden-size", "64,32", "--name", "biases", "--skip-made"]) == 0
    assert "3 of 6 runs exist already" in capsys.readouterr().err
    queued = store.runs(status="SCHEDULED")
    assert len(queued) == 2 + 3
    assert {run.settings["hidden_size"] for run in queued[2:]} == {32}
    assert {run.sweep_name for run in store.runs()} == {"biases"}
    assert main(["cancel", "--sweep", "bias"]) == 2
    assert "of the active runs there is 'biases'" in capsys.readouterr().err
    assert main(["cancel", "--sweep", "biases"]) == 0
    assert "5 runs removed from the queue" in capsys.readouterr().err
    assert store.runs(status="SCHEDULED") == []


def test_a_corrupt_store_is_one_line_and_exit_one(
    tmp_path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mlflow.db").write_text("nonsense" * 1000)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert main(["runs"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: the store")
    assert err.count("\n") == 1


def test_every_suite_is_made_of_valid_configs() -> None:
    from experiments.suites import SUITES

    names = ["first-look", "reference", "chapter", "successors", "papers", "full"]
    assert [suite.name for suite in SUITES] == names
    assert len(SUITES[0].configs()) == 40
    for suite in SUITES:
        configs = suite.configs()
        assert len(configs) >= 6
        assert all(isinstance(config, experiment.config) for experiment, config in configs)


def test_the_suites_of_both_chapters_measure_every_claim() -> None:
    free = {"seed", "seeds", "repetitions", "device", "threads"}

    def kind(experiment: str, config: Config) -> str:
        return f"{experiment} {sorted((k, v) for k, v in config.flat().items() if k not in free)}"

    suites = [suite_named(name) for name in ("chapter", "successors")]
    made = {kind(e.name, config) for suite in suites for e, config in suite.configs()}
    asked = {
        (claim.number, measurement.title): {
            kind(measurement.experiment.name, config) for config in measurement.configs()
        }
        for claim in CLAIMS
        for measurement in claim.measurements
    }
    assert {place: missing for place, kinds in asked.items() if (missing := kinds - made)} == {}


def rows_of(out: str) -> list[list[str]]:
    """The lines of a printed table, without its heading."""
    lines = [line for line in out.splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]


def test_match_says_how_far_each_variant_is_off_the_budget(
    capsys: pytest.CaptureFixture[str],
) -> None:
    exact = count_parameters(Architecture(cell="lstm", hidden_size=20, layers=2), 8).core
    words = ["match", f"{exact}", "--input-size", "8", "--layers", "2"]
    assert main([*words, "--json"]) == 0
    matches = json.loads(capsys.readouterr().out)
    assert list(matches) == list(usual_variants())
    assert matches["lstm"] == {
        "hidden_size": 20,
        "parameters": exact,
        "state_bytes": 2 * 2 * 20 * 4,
        "parameter_budget": exact,
    }
    assert main(words) == 0
    rows = rows_of(capsys.readouterr().out)
    assert [row[0] for row in rows] == [variant_title(variant) for variant in usual_variants()]
    assert rows[1] == ["LSTM", "20", f"{exact:,}", "320", "+0.00%"]
    for (_, width, parameters, _, off), match in zip(rows, matches.values(), strict=True):
        assert width == f"{match['hidden_size']:,}"
        assert parameters == f"{match['parameters']:,}"
        assert float(off.removesuffix("%")) == pytest.approx(
            100 * (match["parameters"] - exact) / exact, abs=0.006
        )
        assert off[0] in "+-"
    assert len({row[4] for row in rows}) > 2, "not all of them fit"


def test_match_takes_a_budget_of_state_and_counts_what_an_experiment_compares(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["match", "512", "--state"]) == 0
    rows = rows_of(capsys.readouterr().out)
    assert {row[0]: (row[1], row[3]) for row in rows[:3]} == {
        "RNN": ("128", "512"),
        "LSTM": ("64", "512"),
        "GRU": ("128", "512"),
    }
    assert main(["match", "50k", "--experiment", "length-quality", "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    (config,) = LENGTH_QUALITY.configs(["lstm"], {"parameter_budget": [50_000], "seeds": [1]})
    assert whole["lstm"]["hidden_size"] == config.architecture.hidden_size
    assert whole["lstm"]["parameters"] == config.parameters


def test_match_refuses_what_one_unit_exceeds_and_says_what_is_far_off(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["match", "5"]) == 2
    out, said = capsys.readouterr()
    assert out == ""
    assert said == (
        "error: parameter_budget is 5, but rnn has 67 parameters (recurrent layers) at hidden "
        "size 1; give at least 67\n"
    )
    assert main(["match", "700"]) == 0
    out, said = capsys.readouterr()
    assert "LSTM" in out
    assert "more than 5% off the budget: no whole hidden size comes closer" in said
    assert main(["match", "9k", "--experiment", "memory-span", "--input-size", "8"]) == 2
    assert "input_size is '8', but there is no such setting" in capsys.readouterr().err


def test_list_has_every_setting_table_preset_and_suite(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    settings = [row[0] for row in rows_of(out)]
    for experiment in all_experiments():
        assert {setting.name for setting in experiment.settings} <= {*settings}
        assert f"tables: {', '.join(row.table for row in experiment.rows)}" in lines
        assert f"presets: {', '.join(experiment.presets) or 'none'}" in lines
    text = " ".join(out.split())
    for suite in suites.SUITES:
        assert f"suite {suite.name}: {suite.description} {len(suite.configs())} runs." in text


def test_a_comparison_that_is_not_there_is_answered_with_the_newest_ones(
    toy: object, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [finished_run(str(n), "toy", {}, "cpu", "chip", n) for n in range(5)]
    runs = [replace(run, sweep=name) for run, name in zip(runs, "abacd", strict=True)]
    for recorded, told in (
        ([], "there is none yet"),
        (runs[:1], "the newest are 'a'"),
        (runs, "the newest are 'd', 'c', 'b'"),
    ):
        made_up = SimpleNamespace(runs=lambda *_, recorded=recorded, **__: recorded)
        monkeypatch.setattr(commands, "open_store", lambda made_up=made_up: made_up)
        assert main(["compare", "--comparison", "x"]) == 2
        assert capsys.readouterr().err == f"error: sweep is 'x'; {told}\n"


FEW = ["--variants", "rnn,lstm", "--seeds", "3", *SMALL[2:]]


def test_seeds_are_added_from_the_command_line_until_it_is_decided(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three seeds each cannot differ by ranks. Looked at three times: p is multiplied by three."""
    assert main(["run", "gradient-decay", *FEW]) == 0
    capsys.readouterr()
    compare = ["compare", "--experiment", "gradient-decay"]
    assert main([*compare, "--add-seeds", "1,5"]) == 2
    assert "--add-seeds: is '1,5'; give a whole number from 1 to 1,000" in capsys.readouterr().err
    assert main([*compare, "--until-decided", "12"]) == 0
    out, said = capsys.readouterr()
    assert "Look 1 of at most 3, at 3 seeds" in said
    assert "Look 2 of at most 3, at 6 seeds" in said
    assert "for 3 looks" in out + said
    runs = store.runs()
    assert [(r.settings["seed"], r.settings["seeds"], r.looks) for r in runs[2:4]] == [
        (3, 3, 3)
    ] * 2
    assert {run.sweep for run in runs} == {runs[0].sweep}
