"""A store of its own with a worker, everything that runs for it, and queues of short runs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas
import psutil
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import connect

from core.experiment import Config, Experiment
from core.experiments import experiment_named
from core.store.folder import PROJECT
from core.store.records import ENDED, RunRecord
from core.store.tracking import Store, open_store
from experiments.queue import submit
from experiments.worker import environment, worker_status

Plan = Sequence[tuple[Experiment, Config]]

PLUGGED = {"PYTHONPATH": f"{Path(__file__).parent / 'plugged'}{os.pathsep}{PROJECT}"}
"""Every process of a scene reads `plugged/sitecustomize.py` first."""

SMALL: Mapping[str, Mapping[str, object]] = {
    "gradient-decay": {"seeds": 2, "hidden_size": 8, "sequence_length": 20, "batch_size": 2},
    "parameter-count": {"hidden_size": 8},
    "throughput": {
        "hidden_size": 8,
        "batch_size": 2,
        "sequence_length": 8,
        "shortest_length": 8,
        "repetitions": 3,
        "streamed_tokens": 10,
        "packed": False,
    },
    "length-quality": {
        "hidden_size": 8,
        "training_steps": 10,
        "longest_trained": 4,
        "longest_tested": 6,
        "tested_pairs": 12,
    },
    "memory-span": {
        "hidden_size": 8,
        "training_steps": 20,
        "longest_lag": 3,
        "seeds": 2,
        "learning_rate": 0.01,
    },
    "two-sided-context": {
        "hidden_size": 8,
        "training_steps": 20,
        "furthest": 1,
        "sequence_length": 8,
        "seeds": 2,
    },
}
"""Settings with which a run of each experiment takes about a second."""

TIMES = ["training_seconds", "tokens_per_second"]
"""Columns that differ however undisturbed a run is."""

CELLS = ("rnn", "lstm", "gru")


def short_plan(count: int, experiments: Sequence[str] = tuple(SMALL)) -> Plan:
    """So many short runs, of all experiments and cells in turn."""
    plan = []
    for number in range(count):
        experiment = experiment_named(experiments[number % len(experiments)])
        values = {
            **SMALL[experiment.name],
            "cell": CELLS[(number + number // 6) % 3],
            "seed": number,
        }
        plan.append((experiment, experiment.config.from_flat(values)))
    return plan


class Scene:
    """A store in a folder, and the processes that work on it."""

    def __init__(self, folder: Path, env: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.store = open_store(f"sqlite:///{folder / 'mlflow.db'}")
        self.env = {**environment(self.store), **(env or {})}
        self.worker: subprocess.Popen[bytes] | None = None
        self.dashboard: subprocess.Popen[bytes] | None = None
        self.port = _free_port()

    def start_worker(self) -> None:
        """Start a worker, and wait until it takes runs."""
        self.worker = self._start("experiments", "worker")
        self.until(lambda: (s := worker_status(self.store)) is not None and s.ready, 120)

    def start_dashboard(self) -> None:
        """Start a dashboard over this store, alone; `open_page` waits until it answers."""
        options = ["--server.port", str(self.port), "--server.address", "127.0.0.1"]
        self.dashboard = self._start("dashboard", *options, "--server.headless", "true")

    def open_page(self, seconds: float = 60.0) -> None:
        """Open the first page as a browser does, wait until it is drawn, and leave."""

        def answers() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0

        self.until(answers, seconds)
        asyncio.run(asyncio.wait_for(open_address(self.port), seconds))

    def _start(self, module: str, *words: str) -> subprocess.Popen[bytes]:
        with (self.folder / "faults.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", module, *words],
                cwd=PROJECT,
                env=self.env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop_worker(self) -> None:
        """Ask the worker to end, and wait until it has."""
        if self.worker is not None and self.worker.poll() is None:
            self.worker.send_signal(signal.SIGCONT)
            self.worker.terminate()
            self.worker.wait(60)

    def stop_dashboard(self) -> None:
        """End it as `serve` does."""
        if self.dashboard is not None:
            self.dashboard.terminate()
            self.dashboard.wait(60)

    def submit(self, plan: Plan) -> list[str]:
        """Queue runs of several experiments, mixed as they come."""
        return [submit(self.store, e, [config])[0] for e, config in plan]

    def processes(self) -> list[psutil.Process]:
        """Everything that runs for this store, but not this process."""
        mine = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                named = process.environ().get("MLFLOW_TRACKING_URI") == self.store.uri
                if named and process.pid != os.getpid() and process.status() != "zombie":
                    mine.append(process)
        return mine

    def fork_server(self) -> psutil.Process | None:
        """The process that forks the worker's runs."""
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                if "forkserver" in " ".join(process.cmdline()) and process.ppid() == self._pid:
                    return process
        return None

    @property
    def _pid(self) -> int:
        return self.worker.pid if self.worker else 0

    def kill_everything(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End all of it at once, as a power cut does."""
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.send_signal(number)
        for process in (self.worker, self.dashboard):
            if process is not None:
                process.wait(60)

    def wait_for(self, run_ids: Sequence[str], seconds: float = 300.0) -> list[RunRecord]:
        """Wait until all of these have ended."""
        self.until(lambda: all(r.status in ENDED for r in self.runs(run_ids)), seconds)
        return self.runs(run_ids)

    def runs(self, run_ids: Sequence[str]) -> list[RunRecord]:
        """These runs as the store has them now."""
        return [self.store.run(run_id, unreadable=True) for run_id in run_ids]

    def until(self, what: object, seconds: float = 60.0) -> None:
        """Wait until it is true; `TimeoutError` after so many seconds."""
        deadline = time.monotonic() + seconds
        assert callable(what)
        while not what():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not true after {seconds:g} s; see {self.folder}")
            time.sleep(0.05)

    def copy_to(self, folder: Path) -> Store:
        """The store as it lies on the disk at this moment, opened from a copy."""
        # By another process: closing the files here would give up SQLite's locks on them.
        subprocess.run(["cp", "-r", str(self.folder), str(folder)], check=True)
        return open_store(f"sqlite:///{folder / 'mlflow.db'}")


@contextlib.contextmanager
def scene(folder: Path, env: Mapping[str, str] | None = None) -> Iterator[Scene]:
    """A scene of which nothing is left running."""
    folder.mkdir(parents=True)
    made = Scene(folder, env)
    try:
        yield made
    finally:
        made.kill_everything()


class Clock:
    """The time that every process of a scene is told, by Debian's faketime; real if it is not
    installed. The monotonic clock goes on, as when an administrator sets the time.
    """

    def __init__(self, folder: Path) -> None:
        library = next(Path("/usr/lib").rglob("libfaketime.so.1"), None)
        self.settable = library is not None
        self._offset = folder / "offset"
        self.env = PLUGGED | {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._offset),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        if self.settable:
            self.set("+0")
        else:
            self.env = {}

    def set(self, offset: str) -> None:
        """Set it so far from the true time: `+3`, `-1h`."""
        self._offset.write_text(offset)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def open_address(port: int, page: str = "", query: str = "") -> None:
    """Open a page as a browser does; `RuntimeError` if it does not end well."""
    async with connect(f"ws://127.0.0.1:{port}/_stcore/stream", max_size=None) as connection:
        message = BackMsg()
        message.rerun_script.page_name = page
        message.rerun_script.query_string = query
        await connection.send(message.SerializeToString())
        async for data in connection:
            reply = ForwardMsg()
            reply.ParseFromString(data if isinstance(data, bytes) else data.encode())
            if reply.delta.new_element.WhichOneof("type") == "exception":
                raise RuntimeError(reply.delta.new_element.exception.message)
            if "could not be drawn" in reply.delta.new_element.alert.body:
                raise RuntimeError(reply.delta.new_element.alert.body)
            if reply.WhichOneof("type") == "script_finished":
                return


def tables_of(store: Store, record: RunRecord) -> dict[str, str]:
    """Name → content of every table that a run has recorded, but for times."""
    with store.artifact(record.run_id, "tables") as folder:
        if folder is None:
            return {}
        tables = {path.name: pandas.read_csv(path) for path in sorted(folder.iterdir())}
    return {
        name: table.drop(columns=TIMES, errors="ignore").to_csv() for name, table in tables.items()
    }


def pause(random_: random.Random, shortest: float, longest: float) -> None:
    """Sleep for a random time."""
    time.sleep(random_.uniform(shortest, longest))
