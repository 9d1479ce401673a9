from __future__ import annotations

import contextlib
import json
import math
import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pandas
import pytest

from core.experiment import Experiment
from core.experiments import all_experiments, config_of, experiment_named
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.memory_span import MEMORY_SPAN
from core.settings import BadSetting, Setting
from core.store import tracking
from core.store.database import Database
from core.store.folder import PROJECT, StoreError, tracking_uri
from core.store.recorder import Recorder
from core.store.records import NOTE, TAG_CONFIG, TAG_OWNER, TAG_STATE
from core.store.tracking import MAX_TAG_LENGTH, QUEUE_PAGE_RUNS, Store, open_store, run_name
from tests.toy import TOY, ToyConfig


def make(store: Store, **settings: object) -> str:
    config = ToyConfig.from_flat({"cell": "lstm", "bidirectional": True, **settings})
    return store.create(TOY, config, sweep="s")


def test_a_submitted_run_is_scheduled_with_its_whole_config(store: Store, toy) -> None:
    run_id = make(store, count=7, hidden_size=32)
    record = store.run(run_id)
    assert record.status == "SCHEDULED"
    assert record.name == "bi-LSTM 32 · seed 0"
    assert config_of(record) == ToyConfig.from_flat(record.settings)
    assert record.settings["count"] == 7
    raw = store.client.get_run(run_id)
    assert raw.data.params["variant"] == "bi-lstm"
    assert raw.data.params["hidden_size"] == "32"
    assert TAG_CONFIG in raw.data.tags
    assert raw.data.tags["mlflow.source.name"] == (
        "python -m experiments run toy --variants bi-lstm --hidden-size=32 --count=7"
    )


def test_the_recorded_command_line_makes_the_same_config(store: Store) -> None:
    from experiments.cli import parse
    from experiments.commands import configs_of

    experiment = experiment_named("gradient-decay")
    config = experiment.configs(["bi-lstm"], {"forget_bias": [1.5], "spectrum": [False]})[0]
    run_id = store.create(experiment, config, sweep="s")
    words = store.run(run_id).tags["mlflow.source.name"].split()[3:]
    assert configs_of(parse(words)) == (experiment, [config])


def test_runs_are_listed_by_experiment_status_and_end(store: Store, toy) -> None:
    first, second = make(store), make(store, seed=1)
    store.end(first, "KILLED", "why")
    assert [r.run_id for r in store.runs()] == [first, second]
    assert [r.run_id for r in store.runs("toy", "SCHEDULED")] == [second]
    assert [r.run_id for r in store.active()] == [second]
    ended = store.run(first).ended
    assert ended is not None
    assert [r.run_id for r in store.runs(ended_since=ended)] == [first]
    assert store.runs(ended_since=ended + 1) == []
    assert store.run(first).error == "why"


def test_an_unknown_run_is_a_sentence(store: Store) -> None:
    with pytest.raises(BadSetting, match="the store has no such run"):
        store.run("0" * 32)


def test_a_foreign_run_in_our_experiment_is_left_alone(store: Store, toy) -> None:
    make(store)
    store.client.create_run(store.client.get_experiment_by_name("toy").experiment_id)
    assert len(store.runs()) == 1


def test_long_text_in_a_tag_ends_in_an_ellipsis_and_json_is_never_cut(store: Store, toy) -> None:
    run_id = make(store)
    store.set_tags(run_id, {NOTE: "The start. " + "x" * MAX_TAG_LENGTH})
    note = store.run(run_id).note
    assert note.startswith("The start. x")
    assert note.endswith("x…")
    assert len(note) == MAX_TAG_LENGTH
    with pytest.raises(ValueError, match="cannot be cut"):
        store.set_tags(run_id, {TAG_STATE: json.dumps({"message": "x" * MAX_TAG_LENGTH})})


def test_settings_that_no_tag_can_hold_are_refused_in_a_sentence(store: Store) -> None:
    file = "/" + "ü" * (MAX_TAG_LENGTH // 6)  # JSON writes six characters for each
    experiment = experiment_named("length-quality")
    config = experiment.config.from_flat({"task": "tsv", "file": file})
    with pytest.raises(BadSetting, match="give shorter names of files"):
        store.create(experiment, config, sweep="s")
    assert store.runs() == []


def test_an_unreadable_tag_costs_no_listing(store: Store, toy) -> None:
    edited, garbled, fine = make(store), make(store, seed=1), make(store, seed=2)
    for text in ("edited", "[1]", '"a"', '{"pid": "x", "rows": "many"}', ""):
        store.set_tags(edited, {TAG_OWNER: text, TAG_STATE: text})
        store.set_tags(garbled, {TAG_CONFIG: text if text.startswith("[") else "garbage"})
        assert [record.run_id for record in store.runs()] == [edited, fine]
        assert store.run(edited).owner == store.run(edited).state == {}
        assert store.run(edited).seconds is None
    with pytest.raises(BadSetting, match=r"cannot be read: its tag unroll\.config is 'garbage'"):
        store.run(garbled)
    assert [r.run_id for r in store.runs(unreadable=True)] == [edited, garbled, fine]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nonsense", "its tag unroll.config is 'nonsense', which is not JSON"),
        ("[" * 100_000, "which is not JSON"),
        ("null", "its tag unroll.config is 'null', which names no settings"),
        ("{}", "by its tag unroll.config, it does not say its cell"),
        ('{"cell": 3}', "cell is 3; give"),
        ('{"cell": "rnn", "threads": "many"}', "threads is 'many'; give a whole number from 1"),
        ('{"cell": "rnn", "threads": 1.5}', "threads is 1.5; give a whole number from 1"),
        ('{"cell": "rnn", "time_limit": NaN}', "time_limit is NaN; give a number"),
        ('{"cell": "rnn", "seed": true}', "seed is true; give a whole number"),
        ('{"cell": "rnn", "seed": null}', "seed is null; give a whole number"),
    ],
)
def test_settings_that_somebody_edited_make_a_run_unreadable_and_harm_no_other(
    store: Store, toy, text: str, reason: str
) -> None:
    edited, fine = make(store), make(store, seed=1)
    store.client.set_tag(edited, TAG_CONFIG, text[:MAX_TAG_LENGTH])
    assert [record.run_id for record in store.runs()] == [fine]
    record = store.run(edited, unreadable=True)
    assert reason in record.unreadable
    assert record.settings == {}
    with pytest.raises(BadSetting, match="cannot be read"):
        config_of(record)
    assert store.end(edited, "FAILED", "why")
    assert store.run(edited, unreadable=True).error == "why"


def test_settings_of_another_version_can_be_read(store: Store, toy) -> None:
    run_id = make(store)
    store.set_tags(run_id, {TAG_CONFIG: '{"cell": "of a plug-in", "threads": 999, "gone": [1]}'})
    record = store.run(run_id)
    assert record.settings["threads"] == 999
    assert record.settings["gone"] == [1]


def test_a_run_without_a_config_is_ours_if_it_has_a_sweep(store: Store, toy) -> None:
    ours, theirs = make(store), store.client.create_run("1").info.run_id
    store.client.delete_tag(ours, TAG_CONFIG)
    every = store.runs(unreadable=True)
    assert [(r.run_id, r.unreadable) for r in every] == [(ours, "it has no tag unroll.config")]
    assert theirs


def test_a_table_that_somebody_edited_keeps_what_is_a_number(store: Store, toy) -> None:
    run_id = make(store)
    for content, squares in (
        ("phase,part,seed,number,square\n0,a,0,0,1.5\n0,a,0,1,many\n", [1.5, None]),
        ("", None),
        ("\x00\xff", None),
    ):
        path = store.folder / "squares.csv"
        path.write_text(content)
        store.upload(run_id, path, "tables")
        table = store.table(store.run(run_id), "squares")
        if squares is None:
            assert table is None or "many" not in table.to_string()
        else:
            assert table["square"].isna().tolist() == [value is None for value in squares]
            assert table["square"].dtype == float


def test_an_interval_that_older_runs_gave_a_span_is_not_read(store: Store) -> None:
    """On a grid of lags it covered more than 98%."""
    run_id = store.create(MEMORY_SPAN, MEMORY_SPAN.config(), sweep="s")
    path = store.folder / "summary.csv"
    path.write_text("span,span_low,span_high,span_n,half_life_end_low\n10.0,7.0,15.0,8,2.0\n")
    store.upload(run_id, path, "tables")
    table = store.table(store.run(run_id), "summary")
    assert table is not None
    (row,) = table.to_dict("records")
    assert (row["span"], row["span_n"], row["half_life_end_low"]) == (10, 8, 2)
    assert math.isnan(row["span_low"])
    assert math.isnan(row["span_high"])


def test_a_listing_asks_once_for_experiments_that_were_never_run(
    store: Store, toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert store.database is not None
    ask, asked = store.database.experiments, []
    monkeypatch.setattr(store.database, "experiments", lambda: (asked.append(1), ask())[1])
    assert store.runs() == []
    assert len(asked) == 1


def test_infinite_and_missing_values_are_no_metrics(store: Store, toy) -> None:
    run_id = make(store)
    left_out = store.log_metrics(
        run_id, [("a", 1.0, 0), ("a", float("inf"), 1), ("b", float("nan"), 0)]
    )
    assert left_out == 2
    assert store.run(run_id).metrics == {"a": 1.0}


def test_two_thousand_metrics_are_logged_in_batches(store: Store, toy) -> None:
    run_id = make(store)
    store.log_metrics(run_id, [("a", float(step), step) for step in range(2000)])
    history = store.client.get_metric_history(run_id, "a")
    assert [(m.step, m.value) for m in history] == [(s, float(s)) for s in range(2000)]


def test_a_moved_store_finds_its_artifacts(
    store: Store, toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = make(store)
    recorder = Recorder(store, run_id, TOY)
    for event in TOY.measure(ToyConfig()):
        recorder.take(event)
    recorder.close()
    assert store.table(store.run(run_id), "squares")["square"].tolist() == [0, 1, 4, 9]
    store.client._tracking_client.store.engine.dispose()
    shutil.move(str(store.folder), tmp_path / "elsewhere")
    with monkeypatch.context() as patch:
        patch.setattr("core.store.database.SCHEMA_REVISION", "of another MLflow")
        unknown = open_store(f"sqlite:///{tmp_path / 'elsewhere' / 'mlflow.db'}")
        uri = unknown.client.get_run(run_id).info.artifact_uri
        assert uri.startswith(str(store.folder)), "tables that were not checked are not written"
    moved = open_store(f"sqlite:///{tmp_path / 'elsewhere' / 'mlflow.db'}")
    assert moved.table(moved.run(run_id), "squares")["square"].tolist() == [0, 1, 4, 9]


def test_an_experiment_deleted_in_the_ui_comes_back(store: Store, toy) -> None:
    make(store)
    store.client.delete_experiment(store.client.get_experiment_by_name("toy").experiment_id)
    assert store.run(make(store)).status == "SCHEDULED"
    store.client.delete_experiment(store.client.get_experiment_by_name("toy").experiment_id)
    again = Store(store.uri)
    assert again.run(make(again)).status == "SCHEDULED"


def test_a_run_that_starts_while_it_is_looked_up_is_active_once(store: Store, toy) -> None:
    run_id = make(store)
    runs = store.runs

    def start_in_between(*arguments, **options):
        found = runs(*arguments, **options)
        store.client.update_run(run_id, status="RUNNING")
        return found

    store.runs = start_in_between
    assert [record.status for record in store.active()] == ["RUNNING"]


def test_a_long_queue_is_read_a_few_at_a_time(
    store: Store, toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_ids = [make(store, seed=seed) for seed in range(QUEUE_PAGE_RUNS + 2)]
    monkeypatch.setattr(store, "database", None)  # as a server is read
    search, asked = store.client.search_runs, []
    monkeypatch.setattr(
        store.client, "search_runs", lambda *given: (asked.append(given), search(*given))[1]
    )
    waiting = store.waiting()
    assert next(waiting).run_id == run_ids[0]
    assert len(asked) == 1
    assert [record.run_id for record in waiting] == run_ids[1:]
    assert len(asked) == 2


def test_a_long_local_queue_is_read_a_few_at_a_time_too(
    store: Store, toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_ids = [make(store, seed=seed) for seed in range(QUEUE_PAGE_RUNS + 2)]
    pairs, asked = Database._pairs, []

    def counted(database, connection, table, columns, ids, keys):
        asked.append(len(ids))
        return pairs(database, connection, table, columns, ids, keys)

    monkeypatch.setattr(Database, "_pairs", counted)
    waiting = store.waiting()
    assert next(waiting).run_id == run_ids[0]
    assert {*asked} == {QUEUE_PAGE_RUNS}
    assert [record.run_id for record in waiting] == run_ids[1:]
    assert {*asked} == {QUEUE_PAGE_RUNS, 2}


def test_the_store_uses_a_write_ahead_log(store: Store) -> None:
    connection = sqlite3.connect(store.folder / "mlflow.db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_corrupt_store_is_a_sentence_and_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError, match=r"cannot be used \(file is not a database\); restore it"):
        open_store(f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert (tmp_path / "mlflow.db").read_bytes().startswith(b"not a database")


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        open_store(f"sqlite:///{tmp_path / 'file' / 'mlflow.db'}")


def test_a_server_that_does_not_answer_is_a_sentence() -> None:
    with pytest.raises(StoreError, match=r"no MLflow server answers at http://127\.0\.0\.1:9"):
        open_store("http://127.0.0.1:9")


def test_a_meaningless_address_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "ftp://x")
    with pytest.raises(StoreError, match="MLFLOW_TRACKING_URI is 'ftp://x'"):
        tracking_uri()


@pytest.mark.slow
def test_processes_may_open_a_fresh_store_at_once(tmp_path: Path) -> None:
    code = (
        f"from core.store.tracking import open_store; open_store('sqlite:///{tmp_path}/mlflow.db')"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    for process in processes:
        assert process.wait() == 0, process.stderr.read().decode()


def test_a_run_of_many_seeds_says_how_many() -> None:
    experiment = experiment_named("gradient-decay")
    assert run_name(experiment.configs(["gru"], {"seeds": [3]})[0]) == "GRU 64 · 3 seeds"
    assert run_name(experiment.configs(["gru"], {"seeds": [1]})[0]) == "GRU 64 · 1 seed"


def test_a_run_is_named_after_the_kinds_that_are_not_its_experiments_defaults() -> None:
    experiment = experiment_named("length-quality")

    def name(**settings: object) -> str:
        asked = {setting: [value] for setting, value in settings.items()}
        return run_name(experiment.configs(["lstm"], {**asked, "seeds": [1]})[0])

    assert name() == name(attention="none", training_steps=7) == "LSTM 64 · seed 0"
    assert name(attention="dot") == "LSTM 64 · dot attention · seed 0"
    assert name(task="reverse", attention="additive", decoder="gru", layers=2) == (
        "LSTM 64 · 2 layers · reverse task · additive attention · gru decoder · seed 0"
    )


KINDS = [(e, s) for e in all_experiments() for s in e.settings if s.noun and s.choices]


@pytest.mark.parametrize(("experiment", "setting"), KINDS, ids=lambda v: v.name)
def test_runs_of_different_kinds_have_different_names(
    experiment: Experiment, setting: Setting, tmp_path: Path
) -> None:
    book = tmp_path / "book.txt"
    book.write_text("\n".join(f"line {number} of a text" for number in range(5000)))
    names = {}
    for choice in setting.choices:
        with contextlib.suppress(BadSetting):  # one that asks for more, such as another setting
            asked = {setting.name: [choice], **({"file": [str(book)]} if choice == "file" else {})}
            names[choice] = run_name(experiment.configs(["lstm"], asked)[0])
    assert len(names) > 1
    assert len(set(names.values())) == len(names)
    assert all(setting.kind(c) in n for c, n in names.items() if c != setting.default)


def test_columns_that_are_newer_than_a_run_are_there_and_empty(store: Store, toy) -> None:
    run_id = make(store)
    recorder = Recorder(store, run_id, TOY)
    for event in TOY.measure(ToyConfig()):
        recorder.take(event)
    recorder.close()
    with store.artifact(run_id, "tables/squares.csv") as path:
        assert path is not None
        before = pandas.read_csv(path)
        before.drop(columns="square").to_csv(path, index=False)
    table = store.table(store.run(run_id), "squares")
    assert {*table} == {*before}
    assert table["square"].isna().all()
    assert table["number"].equals(before["number"])


def test_rows_older_than_an_axis_are_at_its_older_value(store: Store, tmp_path: Path) -> None:
    """Gradients were measured into the past alone before there were sides."""
    run_id = store.create(GRADIENT_DECAY, GRADIENT_DECAY.configs(["rnn"], {})[0], sweep="one")
    path = tmp_path / "gradient.csv"
    path.write_text("training_step,layer,seed,steps_back,log10_input_gradient\n0,1,0,0,-1.0\n")
    store.upload(run_id, path, "tables")
    table = store.table(store.run(run_id), "gradient")
    assert table is not None
    assert table["side"].tolist() == ["past"]
    assert table["log10_state_gradient"].isna().all()


@pytest.mark.slow
def test_threads_that_need_mlflow_at_once_wait_for_one_import(store: Store) -> None:
    """Else each sees half of MLflow's modules, which import each other in circles."""
    code = (
        "import threading\n"
        "from core.experiments.gradient_decay import GRADIENT_DECAY\n"
        "from core.store.tracking import load_mlflow, open_store\n"
        f"store = open_store({store.uri!r})\n"
        "(config,) = GRADIENT_DECAY.configs(['rnn'], {})\n"
        "threading.Thread(target=load_mlflow).start()\n"
        "store.create(GRADIENT_DECAY, config, sweep='s')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(store.runs()) == 1


def test_two_threads_never_import_mlflow_at_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each would see half of it, and the process would record nothing from then on."""

    class Answer:
        def raise_for_status(self) -> None: ...

    monkeypatch.setattr("mlflow.utils.rest_utils.http_request", lambda *_, **__: Answer())
    asked = [store._mlflow, lambda: store._of_proxy("/a.csv")]
    threads = [threading.Thread(target=ask, daemon=True) for ask in asked]
    with tracking._MLFLOW_IMPORT:
        for thread in threads:
            thread.start()
            thread.join(0.1)
        assert [thread.is_alive() for thread in threads] == [True, True]
    for thread in threads:
        thread.join(20)
    assert [thread.is_alive() for thread in threads] == [False, False]
