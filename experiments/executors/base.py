"""What a worker asks of the place where its runs are executed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.experiment import Config
from core.experiments import config_of, experiment_named
from core.machine_memory import GIB
from core.runner import memory_limit
from core.settings import BadSetting
from core.store.records import RunRecord

BASE_MEMORY = 1.5
"""GiB that a run needs besides its weights: libraries, sequences, what a backward pass keeps."""

KEPT_PER_WEIGHT = 16
"""Bytes: the weight itself, its gradient, and Adam's two moments, in float32."""


@dataclass(frozen=True)
class ResourceRequest:
    """What a run needs of the machine."""

    threads: int = 1
    alone: bool = False
    """Nothing may run beside it: it measures time."""
    gpus: int = 0
    memory: float = BASE_MEMORY
    """GiB that should be free for it to start beside others: an estimate."""
    memory_limit: float = float("inf")
    """GiB beyond which it is ended."""

    @classmethod
    def of(cls, record: RunRecord) -> ResourceRequest:
        """The request of a run, derived from its config.

        A run whose config is refused asks for little: it starts, and ends with the reason.
        """
        alone = experiment_named(record.experiment).timed
        try:
            config = config_of(record)
        except BadSetting:
            return cls(alone=alone)
        return cls(
            threads=config.threads,
            alone=alone,
            gpus=int(config.device == "cuda"),
            memory=BASE_MEMORY + _weights(config) / GIB,
            memory_limit=memory_limit(config),
        )


def _weights(config: Config) -> float:
    """Bytes of the networks that are trained side by side, with gradients and Adam's moments."""
    seeds = int(config.flat().get("seeds") or 1)
    return float(KEPT_PER_WEIGHT * seeds * config.parameters)


class Executor(Protocol):
    """Executes runs, each of which records itself with `core.runner.execute`."""

    requeues_lost: bool
    """Whether a lost run is queued again without being asked: a machine of several may fail."""

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
