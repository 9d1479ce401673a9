"""Who may be on the machine beside whom."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest

from core.alone import place_on_machine
from core.store_folder import PROJECT

HOLD = """
import sys, time
from pathlib import Path
from core.alone import place_on_machine
with place_on_machine(Path(sys.argv[1]), alone=sys.argv[2] == "alone"):
    print("here", flush=True)
    time.sleep(60)
"""


class OccupiedError(Exception):
    pass


def give_up() -> None:
    raise OccupiedError


@contextlib.contextmanager
def somebody(folder: Path, how: str):
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
    with somebody(tmp_path, "beside"), place_on_machine(tmp_path, alone=False, waiting=give_up):
        pass


@pytest.mark.parametrize(("there", "coming"), [("beside", True), ("alone", True), ("alone", False)])
def test_a_timed_run_shares_it_with_nobody(tmp_path: Path, there: str, coming: bool) -> None:
    with (
        somebody(tmp_path, there),
        pytest.raises(OccupiedError),
        place_on_machine(tmp_path, alone=coming, waiting=give_up),
    ):
        pytest.fail("there was no place")


def test_a_killed_process_holds_nothing_back(tmp_path: Path) -> None:
    with somebody(tmp_path, "alone") as process:
        process.kill()
        process.wait()
        with place_on_machine(tmp_path, alone=True, waiting=give_up):
            pass


def test_the_place_is_given_back_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(OccupiedError), place_on_machine(tmp_path, alone=True):
        raise OccupiedError
    with place_on_machine(tmp_path, alone=True, waiting=give_up):
        pass
