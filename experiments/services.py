"""Processes that are started together, in order of need, watched, and stopped together.

`python -m experiments.services` tells by its exit status whether a worker serves the store and is
ready: the worker's health check, in containers too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from core.store.folder import tracking_uri
from core.store.tracking import Store
from experiments.guard import Guard
from experiments.probe import url_answers
from experiments.worker import LATE_SECONDS, start_process, status_path, worker_status

COMMAND_SECONDS = 15.0
"""How long a health check that is a command may take; it may be a Python that starts."""

LOOK_SECONDS = 1.0
"""Between two looks at whether a part that is needed has become well."""

FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0
"""Seconds before a part that died is started again, doubled each time that it dies soon."""

STEADY_SECONDS = 60.0
"""A part that lived this long did not die of its start: the delay begins anew."""


@dataclass
class Service:
    """A process that is started and stopped with others."""

    name: str
    command: list[str]
    log: Path
    health: str | list[str] = ""
    """An address that answers 200 or 204 when all is well, or a command that exits with 0."""
    needs: tuple[str, ...] = ()
    """Names of the services that must be well, or have ended well, before this one is started."""
    env: dict[str, str] = field(default_factory=dict)
    once: bool = False
    """Whether it does its work and ends: it is well once it ended with status 0."""
    stop_signal: signal.Signals = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = None

    def start(self, env: Mapping[str, str]) -> int:
        """Start it; return its process id, which is that of its group too."""
        self.process = start_process(self.command, {**env, **self.env}, self.log)
        return self.process.pid

    def answers(self, env: Mapping[str, str] | None = None) -> bool:
        """Whether it is well."""
        if self.once:
            return self.process is not None and self.process.poll() == 0
        if isinstance(self.health, str):
            return url_answers(self.health)
        try:
            return (
                subprocess.run(
                    self.health,
                    env={**(os.environ if env is None else env), **self.env},
                    capture_output=True,
                    timeout=COMMAND_SECONDS,
                    check=False,
                ).returncode
                == 0
            )
        except (OSError, subprocess.TimeoutExpired):
            return False

    @property
    def dead(self) -> bool:
        """Whether it was started and has ended, although it should not have."""
        if self.process is None or (status := self.process.poll()) is None:
            return False
        return not (self.once and status == 0)

    def stop(self, patience: float) -> None:
        """Ask it to end, wait as long as `patience`, then kill it with everything it started."""
        if self.process is None or self.process.poll() is not None:
            return
        family = [psutil.Process(self.process.pid)]
        with contextlib.suppress(psutil.Error):
            family += family[0].children(recursive=True)
        self.process.send_signal(self.stop_signal)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(patience)
        for member in family:
            # What the dashboard started in a session of its own (a worker) is not the dashboard.
            with contextlib.suppress(psutil.Error, OSError):
                if self.name == "worker" or os.getsid(member.pid) == self.process.pid:
                    member.kill()

    def end_group(self) -> None:
        """Kill what is left of its group after it died, which may hold its port."""
        if self.process is not None:
            with contextlib.suppress(OSError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def last_words(self, lines: int = 12) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


class Supervisor:
    """Starts services in order of need, and again when they die, as `restart: always` does.

    `step` waits for nothing but a health check: call it in a loop.
    """

    def __init__(
        self,
        services: Sequence[Service],
        env: Mapping[str, str],
        guard: Guard,
        say: Callable[[str], None],
    ) -> None:
        self._services = {service.name: service for service in services}
        self._env = env
        self._guard = guard
        self._say = say
        self._well: set[str] = set()
        """Those that were well once: who needs them is not held up by a restart."""
        self._next_look: dict[str, float] = {}
        self._started: dict[str, float] = {}
        self._delay: dict[str, float] = {}
        self._due: dict[str, float] = {}

    @property
    def waiting(self) -> list[Service]:
        """The services that were never well yet."""
        return [s for name, s in self._services.items() if name not in self._well]

    def step(self) -> None:
        """Look at every service once, and start what is to be started."""
        now = time.monotonic()
        for name, service in self._services.items():
            if service.process is None:
                if self._well.issuperset(service.needs) and now >= self._due.get(name, 0.0):
                    self._guard.watch(service.start(self._env))
                    self._started[name] = now
            elif service.dead:
                self._restart_later(service, now)
            elif name not in self._well and now >= self._next_look.get(name, 0.0):
                self._next_look[name] = now + LOOK_SECONDS
                if service.answers(self._env):
                    self._well.add(name)
                    if service.once:
                        self._guard.forget(service.process.pid)

    def stop(self) -> None:
        """Stop everything, what needs others first."""
        for service in reversed(self._services.values()):
            if service.process is not None and service.process.poll() is None:
                service.stop(patience=20.0 if service.name in ("worker", "database") else 5.0)
                service.end_group()

    def _restart_later(self, service: Service, now: float) -> None:
        assert service.process is not None
        name, status = service.name, service.process.returncode
        lived = now - self._started[name]
        delay = FIRST_DELAY if lived > STEADY_SECONDS else self._delay.get(name, FIRST_DELAY)
        self._delay[name] = min(delay * 2, LONGEST_DELAY)
        self._due[name] = now + delay
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        self._say(f"{name} {how}; it is started again in {delay:g} s (log: {service.log})")
        service.end_group()
        self._guard.forget(service.process.pid)
        service.process = None


def in_order_of_need(services: Sequence[Service]) -> list[Service]:
    """The services, each after those that it needs. Raises `ValueError` for one that is unknown."""
    ordered: list[Service] = []
    rest = list(services)
    while rest:
        names = {service.name for service in ordered}
        ready = [service for service in rest if names.issuperset(service.needs)]
        if not ready:
            lacking = ", ".join(service.name for service in rest)
            raise ValueError(f"{lacking}: they need each other, or what there is not")
        ordered += ready
        rest = [service for service in rest if service not in ready]
    return ordered


def worker_answers() -> bool:
    """Whether a worker serves the store, is ready, and has lately given a sign of life."""
    store = Store(tracking_uri())
    status = worker_status(store)
    if status is None or not status.ready:
        return False
    return time.time() - status_path(store).stat().st_mtime < LATE_SECONDS


if __name__ == "__main__":
    sys.exit(0 if worker_answers() else 1)
