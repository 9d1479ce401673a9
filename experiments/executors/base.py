"""What a worker asks of the place where its runs are executed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.experiments import experiment_named
from core.store.records import RunRecord


@dataclass(frozen=True)
class ResourceRequest:
    """What a run needs of the machine."""

    threads: int
    alone: bool
    """Nothing may run beside it: it measures time."""

    @classmethod
    def of(cls, record: RunRecord) -> ResourceRequest:
        """The request of a run. Raises `BadSetting` for an unknown experiment."""
        threads = int(record.settings.get("threads") or 1)
        return cls(threads, experiment_named(record.experiment).timed)


class Executor(Protocol):
    """Executes runs, each of which records itself with `core.runner.execute`."""

    @property
    def running(self) -> tuple[str, ...]:
        """Ids of the runs that were started here and not yet returned by `wait`."""

    def warm_up(self) -> None:
        """Load what is slow to load, so that the first run need not wait for it."""

    def has_room(self, request: ResourceRequest, others: Sequence[ResourceRequest] = ()) -> bool:
        """Whether a run fits beside those started here and what others have running here."""

    def start(self, record: RunRecord) -> None:
        """Start to execute a run and return at once."""

    def wait(self, seconds: float) -> list[tuple[str, str]]:
        """Wait until a run is over or the time is up: the ids of those over, and how each ended."""

    def stop(self, run_id: str, *, force: bool = False) -> None:
        """Ask a run that was started here to stop, or with `force` end it."""

    def is_alive(self, record: RunRecord) -> bool | None:
        """Whether what executes the run is alive; None where this executor cannot tell."""
