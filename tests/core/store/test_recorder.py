"""Rows reach the disk at once; what a killed process left is cut to whole lines."""

from __future__ import annotations

import pandas
import pytest

from core.experiment import Checkpoint, Progress
from core.store.recorder import Recorder, metric_points, newest_checkpoint, salvage
from core.store.records import TAG_RETRY_OF
from core.store.tracking import Store
from tests.toy import TOY, SquareRow, ToyConfig, ToySummary


def test_a_long_message_is_shortened_before_it_is_stored(store: Store, toy) -> None:
    run_id = store.create(TOY, ToyConfig(), sweep="s")
    recorder = Recorder(store, run_id, TOY)
    recorder.take(Progress(1, 4, "“start” " + "\U0001f600" * 10_000))
    recorder.close()
    state = store.run(run_id).state
    assert state["fraction"] == 0.25
    assert state["message"].startswith("“start” ")
    assert state["message"].endswith("…")


def test_a_line_of_the_log_that_finds_no_space_costs_the_run_nothing(store: Store, toy) -> None:
    run_id = store.create(TOY, ToyConfig(), sweep="s")
    recorder = Recorder(store, run_id, TOY)
    recorder.take(SquareRow(0, "whole", 0, 1, 1.0))
    log = store.spool(run_id) / "log.txt"
    log.unlink(missing_ok=True)
    log.symlink_to("/dev/full")
    recorder.log("there is no space for this")
    log.unlink()
    recorder.close()
    assert len(store.table(store.run(run_id), "squares")) == 1


def test_rows_are_on_disk_before_the_run_ends(store: Store, toy) -> None:
    run_id = store.create(TOY, ToyConfig(), sweep="s")
    recorder = Recorder(store, run_id, TOY)
    recorder.take(SquareRow(0, "whole", 0, 1, 1.0))
    assert "0,whole,0,1,1.0" in (store.spool(run_id) / "tables" / "squares.csv").read_text()
    assert len(store.table(store.run(run_id), "squares")) == 1
    recorder.close()


@pytest.mark.parametrize(
    ("server", "finished", "kept"),
    [(True, False, b"new"), (True, True, None), (False, False, None)],
)
def test_a_checkpoint_does_not_wait_on_a_disk_that_may_be_lost(
    store: Store, toy, server: bool, finished: bool, kept: bytes | None
) -> None:
    if server:
        store.database = None
    run_id = store.create(TOY, ToyConfig(), sweep="s")
    recorder = Recorder(store, run_id, TOY)
    for content in (b"old", b"new"):
        recorder.take(Checkpoint(content))
        recorder.upload()
    store.end(run_id, "FINISHED" if finished else "FAILED")  # its node is gone, and its spool
    again = store.create(TOY, ToyConfig(), sweep="s", tags={TAG_RETRY_OF: run_id})
    assert newest_checkpoint(store, store.run(again)) == kept


def test_half_a_line_left_by_a_killed_process_is_cut_off(store: Store, toy) -> None:
    run_id = store.create(TOY, ToyConfig(), sweep="s")
    folder = store.spool(run_id) / "tables"
    folder.mkdir(parents=True)
    (folder / "summary.csv").write_text("mean,me")
    squares = folder / "squares.csv"
    squares.write_text("")
    assert salvage(store, run_id, TOY) == 0
    whole = ",".join(SquareRow.header()) + "\n0,whole,0,1,1.0\n"
    for half in ("0,whole,0,2,4.", "0,wh", ""):
        squares.write_text(whole + half)
        assert salvage(store, run_id, TOY) == 1
        assert store.table(store.run(run_id), "squares")["square"].tolist() == [1.0]


def test_curves_are_means_over_seeds_split_by_axes_that_vary_and_latest_only() -> None:
    rows = [
        SquareRow(phase, part, seed, number, value)
        for phase, part, seed, number, value in [
            (0, "a", 0, 1, 100.0),
            (1, "a", 0, 1, 1.0),
            (1, "a", 1, 1, 3.0),
            (1, "a", 0, 2, 7.0),
            (1, "b", 0, 1, 5.0),
            (1, "b", 1, 1, None),
        ]
    ]
    table = pandas.DataFrame([row.flat() for row in rows], columns=SquareRow.header())
    points = list(metric_points(SquareRow, table))
    assert points == [
        ("squares/square/part a", 2.0, 1),
        ("squares/square/part a", 7.0, 2),
        ("squares/square/part b", 5.0, 1),
    ]
    assert list(metric_points(SquareRow, table[table["number"] == 1])) == []


def test_a_missing_estimate_is_no_metric() -> None:
    table = pandas.DataFrame([(None, None, None, 0, 3, "")], columns=ToySummary.header())
    assert list(metric_points(ToySummary, table)) == [("rows", 3.0, 0)]
