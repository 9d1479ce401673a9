"""Runs from one store into another: the same results, recognised again, whole or not at all."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from core.analysis.comparison import compare
from core.settings import BadSetting
from core.store.bundle import read_bundle
from core.store.people import NotAllowed, Person
from core.store.postgres import BACKEND_VARIABLE
from core.store.records import TAG_ORIGIN, RunRecord
from core.store.tracking import Store, open_store
from core.store.transfer import pack, unpack
from experiments import export as files
from experiments import queue
from experiments.__main__ import main
from experiments.reports.latex import comparison_tables
from tests.core.store.bundles import finished
from tests.postgres import address, missing, postgresql, served
from tests.toy import TOY

NewStore = Callable[[Path], Store]


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def first(new_store: NewStore, tmp_path: Path, toy: object) -> Store:
    store = new_store(tmp_path / "first")
    for seed in range(3):
        finished(store, seed)
    return store


@pytest.fixture
def second(new_store: NewStore, tmp_path: Path, first: Store) -> Store:
    return new_store(tmp_path / "second")


def carry(one: Store, other: Store, **how: Any) -> tuple[str, ...]:
    return unpack(other, read_bundle("b.zip", pack(one, one.runs(), **how))).run_ids


def exports(store: Store, runs: Sequence[RunRecord] | None = None) -> list[bytes]:
    """Every table and the comparison in every format."""
    runs = store.runs() if runs is None else runs
    frames = [files.tidy(store, runs, row.table) for row in TOY.rows]
    tables = [files.EXPORT_FORMATS[f](frame) for f in ("csv", "json") for frame in frames]
    comparisons = [
        compare(TOY, list(runs), lambda run, name: store.table(run, name), by)
        for by in ("", "run", "seed", "device")
    ]
    written = [f([c]) for c in comparisons for f in (files.csv, files.as_json, comparison_tables)]
    return [*tables, *written]


def test_exports_comparison_and_history_are_the_same_to_the_byte(
    first: Store, second: Store
) -> None:
    carry(first, second, models=True)
    assert exports(second) == exports(first)
    for mine, theirs in zip(second.runs(), first.runs(), strict=True):
        assert second.history(mine.run_id) == first.history(theirs.run_id) != []
        assert second.params(mine.run_id) == first.params(theirs.run_id)
        assert mine.metrics == theirs.metrics
        assert (mine.note, mine.comment) == ("4 squares.", "odd")
        assert mine.free_tags == {"paper": "figure 2"}
        assert (mine.sweep, mine.sweep_name, mine.starred) == ("squares", "Squares, all", True)
        assert (mine.submitted, mine.ended) == (theirs.submitted, theirs.ended)
        assert second.log_text(mine.run_id) == first.log_text(theirs.run_id)
        with second.artifact(mine.run_id, "model/weights.pt") as path:
            assert path is not None
            assert path.read_bytes() == b"\x80weights"


def test_it_keeps_where_it_came_from_however_far_it_is_carried(
    first: Store, second: Store, new_store: NewStore, tmp_path: Path
) -> None:
    carry(first, second)
    third = new_store(tmp_path / "third")
    carry(second, third)
    for run, original in zip(third.runs(), first.runs(), strict=True):
        assert run.run_id != original.run_id == run.original_id
        assert run.origin["user"] == original.user
        assert run.tags["host"] == "lab-7.example.org"
        assert queue.find(third, original.run_id).run_id == run.run_id
        assert queue.find(third, original.run_id[:8]).run_id == run.run_id
    assert carry(third, first) == ()
    assert exports(third) == exports(first)


def test_importing_twice_changes_nothing(first: Store, second: Store) -> None:
    bundle = read_bundle("b.zip", pack(first, first.runs()))
    unpack(second, bundle)
    stamp, before = second.stamp(), second.runs()
    again = unpack(second, bundle)
    assert (again.run_ids, again.known) == ((), 3)
    assert again.sentence.endswith("3 were here already.")
    assert (second.stamp(), second.runs()) == (stamp, before)


def test_models_are_left_out_unless_asked_for(first: Store, second: Store) -> None:
    carry(first, second)
    assert second.files(second.runs()[0].run_id, "model") == {}


def test_a_run_that_was_deleted_here_is_restored(first: Store, second: Store) -> None:
    ids = carry(first, second)
    second.delete(ids[0])
    bundle = read_bundle("b.zip", pack(first, first.runs()))
    assert unpack(second, bundle).restored == (ids[0],)
    assert len(second.runs()) == 3


CALLS = 7
"""That write, for each run."""

WRITES = ("create_run", "log_batch", "log_artifacts", "set_terminated")


@contextlib.contextmanager
def killed_before(store: Store, call: int) -> Iterator[None]:
    """The process ends before it makes so many calls that write."""
    calls = 0

    def counting(method: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == call:
                raise Killed
            return method(*args, **kwargs)

        return wrapped

    with pytest.MonkeyPatch.context() as patch:
        for name in WRITES:
            patch.setattr(store.client, name, counting(getattr(store.client, name)))
        yield


def test_wherever_an_import_is_killed_no_half_run_is_seen_and_the_next_completes_it(
    first: Store, new_store: NewStore, tmp_path: Path
) -> None:
    runs = first.runs()[:2]
    bundle = read_bundle("b.zip", pack(first, runs))
    for call in (2, 5, CALLS, CALLS + 3, 2 * CALLS):
        store = new_store(tmp_path / f"killed {call}")
        with killed_before(store, call), pytest.raises(Killed):
            unpack(store, bundle)
        there = store.runs(unreadable=True)
        assert len(there) == (call - 1) // CALLS
        if there:
            assert exports(store, there) == exports(first, runs[:1])
        unpack(store, bundle)
        assert exports(store) == exports(first, runs)
    store = new_store(tmp_path / "not killed")
    with killed_before(store, 2 * CALLS + 1):
        unpack(store, bundle)


def test_two_imports_at_once_are_one_after_the_other(
    first: Store, second: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from filelock import FileLock

    bundle = read_bundle("b.zip", pack(first, first.runs()))
    monkeypatch.setattr("core.store.transfer.LOCK_SECONDS", 0.0)
    with (
        FileLock(second.folder / "import.lock"),
        pytest.raises(BadSetting, match="another import into this store is running; wait"),
    ):
        unpack(second, bundle)
    assert second.runs() == []


def test_on_a_server_a_half_run_of_another_machine_is_left_alone_for_an_hour(
    first: Store, second: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = read_bundle("b.zip", pack(first, first.runs()))
    with killed_before(second, 3), pytest.raises(Killed):
        unpack(second, bundle)
    monkeypatch.setattr("core.store.transfer.database_path", lambda uri: None)
    before = [run.run_id for run in second.runs_of(TOY.name)]
    said = "another import into this store is running: it has begun run .*, try again in 60 minutes"
    with pytest.raises(BadSetting, match=said):
        unpack(second, bundle)
    assert [run.run_id for run in second.runs_of(TOY.name)] == before
    monkeypatch.setattr("core.store.transfer.HALF_SECONDS", 0.0)
    unpack(second, bundle)
    assert exports(second) == exports(first)


def test_a_viewer_imports_nothing_and_a_runner_owns_what_they_import(
    first: Store, second: Store
) -> None:
    bundle = read_bundle("b.zip", pack(first, first.runs()))
    with pytest.raises(NotAllowed, match="only a runner or an admin"):
        unpack(second.by(Person("vera", "viewer")), bundle)
    assert second.runs() == []
    unpack(second.by(Person("rui", "runner")), bundle)
    assert {run.user for run in second.runs()} == {"rui"}
    second.by(Person("rui", "runner")).delete(second.runs()[0].run_id)


def test_only_finished_runs_are_bundled(first: Store, tmp_path: Path) -> None:
    waiting = first.create(TOY, TOY.config(), sweep="s")
    with pytest.raises(BadSetting, match="which is SCHEDULED; give finished runs"):
        pack(first, [first.run(waiting)])


def test_the_command_line_carries_a_sweep(
    first: Store,
    second: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file, bad = tmp_path / "results.zip", tmp_path / "bad.zip"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", first.uri)
    assert main(["bundle", "--sweep", "squares", "--output", str(file)]) == 0
    bad.write_bytes(file.read_bytes()[:-200])
    monkeypatch.setenv("MLFLOW_TRACKING_URI", second.uri)
    assert main(["import", str(file), str(bad)]) == 2
    assert second.runs() == []  # all are checked before anything is written
    assert "error: bundle is" in capsys.readouterr().err
    assert main(["import", str(file)]) == 0
    assert exports(second) == exports(first)
    assert "3 runs imported from" in capsys.readouterr().err
    assert main(["import", str(tmp_path / "none.zip")]) == 2


def test_as_json_what_was_imported_or_restored_is_one_list(
    first: Store,
    second: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bundles = [tmp_path / "one.zip", tmp_path / "two.zip"]
    for path, run in zip(bundles, first.runs(), strict=False):
        path.write_bytes(pack(first, [run]))
    (restored,) = unpack(second, read_bundle("one.zip", bundles[0].read_bytes())).run_ids
    second.delete(restored)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", second.uri)
    assert main(["import", "--json", *map(str, bundles)]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert sorted(listed) == sorted(run.run_id for run in second.runs())
    assert restored in listed


def test_a_suite_without_runs_is_said_to_have_none_in_this_store(
    new_store: NewStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", new_store(tmp_path / "empty").uri)
    assert main(["bundle", "--suite", "reference", "--output", "never.zip"]) == 2
    assert "of which this store has no finished run" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(bool(missing()), reason=missing())
def test_a_server_over_postgresql_has_the_same(
    first: Store, new_store: NewStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = exports(first)
    with postgresql() as port, served(address(port, "one"), tmp_path / "files") as store:
        carry(first, store, models=True)
        assert exports(store) == expected
        monkeypatch.setenv(BACKEND_VARIABLE, address(port, "one"))
        direct = open_store(store.uri)
        assert exports(direct) == expected
        assert carry(first, direct) == ()
        back = new_store(tmp_path / "back")
        carry(direct, back)
        carry(store, back)
        assert exports(back) == expected
        for run, original in zip(back.runs(), first.runs(), strict=True):
            assert back.history(run.run_id) == first.history(original.run_id)


@pytest.mark.parametrize(
    "tag", ["", "[]", '{"run_id": "x"}', '{"run_id": "x", "user": "u", "imported": 1}', None]
)
def test_a_tag_that_somebody_edited_is_no_origin(first: Store, tag: str | None) -> None:
    run = first.runs()[0]
    far = f'{{"run_id": "{run.run_id}", "user": "u", "imported": 1e300}}'
    edited = dataclasses.replace(run, tags={**run.tags, TAG_ORIGIN: far if tag is None else tag})
    assert edited.origin == {}
    assert edited.original_id == run.run_id
