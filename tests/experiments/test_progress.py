"""What the progress display shows of a made-up store, and which runs count as over."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.progress import Progress

from core import experiment as events
from core.analysis.runs import finished_run
from core.settings import BadSetting
from core.store.records import ACTIVE, TAG_STATE, RunRecord
from experiments import progress
from experiments.progress import run_here
from tests.toy import TOY, ToyConfig


class MadeUpStore:
    """Runs by id, which a test changes as it goes."""

    def __init__(self) -> None:
        self.records: dict[str, RunRecord] = {}
        self.asked_since: list[float] = []

    def put(self, run_id: str, status: str, ended: float | None = None, **state: object) -> None:
        made = finished_run(run_id, TOY.name, ToyConfig().flat(), "cpu", "chip", 0)
        tags = {TAG_STATE: json.dumps(state)}
        ended = None if status in ACTIVE else time.time() if ended is None else ended
        self.records[run_id] = replace(made, name=run_id, status=status, ended=ended, tags=tags)

    def create(
        self, experiment: object, config: ToyConfig, *, sweep: str, status: str, tags: object
    ) -> str:
        self.put(f"{sweep} {config.seed}", status)
        return f"{sweep} {config.seed}"

    def run(self, run_id: str) -> RunRecord:
        if run_id not in self.records:
            raise BadSetting("the store has no such run")
        return self.records[run_id]

    def runs(
        self, *, status: str = "", ended_since: float | None = None, metrics: object = None
    ) -> list[RunRecord]:
        found = [r for r in self.records.values() if status in ("", r.status)]
        if ended_since is not None:
            self.asked_since.append(ended_since)
            found = [r for r in found if r.ended is not None and r.ended >= ended_since]
        return found


@pytest.fixture
def store() -> MadeUpStore:
    return MadeUpStore()


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch) -> Progress:
    shown = Progress(disable=True)
    monkeypatch.setattr(progress, "_display", lambda: shown)
    for name in ("LOOK_SECONDS", "CHECK_SECONDS"):
        monkeypatch.setattr(progress, name, 0.0)
    return shown


@pytest.fixture
def watch(store: MadeUpStore, display: Progress) -> Callable[..., progress._Watch]:
    return lambda *run_ids: progress._Watch(store, run_ids, display)  # type: ignore[arg-type]


def shown(display: Progress) -> dict[str, tuple[float, float | None, str]]:
    """Line → done, of how much, message."""
    return {t.description: (t.completed, t.total, t.fields["message"]) for t in display.tasks}


def test_a_running_run_has_a_line_until_it_ends(
    store: MadeUpStore, display: Progress, watch: Callable[..., progress._Watch]
) -> None:
    looking = watch("a", "b")
    store.put("a", "SCHEDULED")
    store.put("b", "SCHEDULED")
    store.put("c", "RUNNING")  # somebody else's
    assert not looking()
    assert shown(display) == {"all runs": (0, 2, "")}
    store.put("a", "RUNNING", fraction=0.25, message="step 5")
    assert not looking()
    assert shown(display) == {"all runs": (0, 2, ""), "toy · a": (0.25, 1, "step 5")}
    store.put("a", "FAILED")
    assert not looking()
    assert shown(display) == {"all runs": (1, 2, "")}
    store.put("b", "FINISHED")
    assert looking()
    assert shown(display) == {"all runs": (2, 2, "")}
    assert [record.run_id for record in looking.ended] == ["a", "b"]
    assert looking.deleted == []


def test_a_run_that_is_absent_twice_in_a_row_was_deleted(
    store: MadeUpStore, watch: Callable[..., progress._Watch]
) -> None:
    looking = watch("a")
    assert not looking()
    store.put("a", "SCHEDULED")  # put back into the queue
    assert not looking()
    del store.records["a"]
    assert not looking()
    assert looking()
    assert looking.deleted == ["a"]
    assert looking.ended == []


def test_a_run_that_ended_by_a_clock_that_is_late_has_ended(
    store: MadeUpStore, watch: Callable[..., progress._Watch]
) -> None:
    looking = watch("a")
    store.put("a", "FINISHED", ended=time.time() - 3600)
    assert looking()
    assert [record.run_id for record in looking.ended] == ["a"]


def test_looks_overlap(store: MadeUpStore, watch: Callable[..., progress._Watch]) -> None:
    looking = watch("a")
    begun = time.time()
    store.put("a", "SCHEDULED")
    looking()
    time.sleep(0.01)
    looking()
    first, second = store.asked_since
    assert first <= begun - progress.OVERLAP_SECONDS < first + 1
    assert first < second <= time.time() - progress.OVERLAP_SECONDS


def test_a_run_made_here_is_shown_as_the_share_of_its_work(
    store: MadeUpStore, display: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def execute(store: MadeUpStore, run_id: str, watch: Callable[[object], None]) -> str:
        for event in (events.Progress(3, 12, "three"), events.Progress(4, 0, "none")):
            watch(event)
            seen.append(shown(display))
        store.put(run_id, "FINISHED")
        return "FINISHED"

    monkeypatch.setattr("core.runner.execute", execute)
    plan = [(TOY, ToyConfig(seed=seed), "s") for seed in (0, 1)]
    assert [record.run_id for record in run_here(store, plan)] == ["s 0", "s 1"]  # type: ignore[arg-type]
    assert seen == [
        {"all runs": (done, 2, ""), f"s {done}": (0.25, 1, "three")}
        for done in (0, 1)
        for _ in range(2)
    ]
    assert shown(display) == {"all runs": (2, 2, "")}


@pytest.mark.parametrize(("ends", "made"), [("KILLED", 1), ("FAILED", 3)])
def test_only_a_run_that_was_stopped_stops_those_behind_it(
    ends: str,
    made: int,
    store: MadeUpStore,
    display: Progress,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("core.runner.execute", lambda *_: ends)
    plan = [(TOY, ToyConfig(seed=seed), "s") for seed in range(3)]
    assert len(run_here(store, plan)) == made  # type: ignore[arg-type]
    assert len(store.records) == made
