"""Who may be on the machine beside whom."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest

from core.machine_lock import acquire_machine_slot
from core.store.folder import PROJECT

HOLD = """
import sys, time
from pathlib import Path
from core.machine_lock import acquire_machine_slot
with acquire_machine_slot(Path(sys.argv[1]), exclusive=sys.argv[2] == "alone"):
    print("here", flush=True)
    time.sleep(60)
"""


class OccupiedError(Exception):
    pass


def give_up() -> None:
    raise OccupiedError


@contextlib.contextmanager
def other_process(folder: Path, how: str):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), how], cwd=PROJECT, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"here\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_ordinary_runs_share_the_machine(tmp_path: Path) -> None:
    with (
        other_process(tmp_path, "beside"),
        acquire_machine_slot(tmp_path, exclusive=False, on_wait=give_up),
    ):
        pass


@pytest.mark.parametrize(("first", "alone"), [("beside", True), ("alone", True), ("alone", False)])
def test_a_timed_run_shares_it_with_nobody(tmp_path: Path, first: str, alone: bool) -> None:
    with (
        other_process(tmp_path, first),
        pytest.raises(OccupiedError),
        acquire_machine_slot(tmp_path, exclusive=alone, on_wait=give_up),
    ):
        pytest.fail("the machine was taken")


def test_a_killed_process_holds_nothing_back(tmp_path: Path) -> None:
    with other_process(tmp_path, "alone") as process:
        process.kill()
        process.wait()
        with acquire_machine_slot(tmp_path, exclusive=True, on_wait=give_up):
            pass


def test_the_place_is_given_back_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(OccupiedError), acquire_machine_slot(tmp_path, exclusive=True):
        raise OccupiedError
    with acquire_machine_slot(tmp_path, exclusive=True, on_wait=give_up):
        pass
