"""A Ray cluster of this machine, an MLflow server and a worker, each in processes of its own."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from core.store.folder import PROJECT
from core.store.records import ENDED, RunRecord
from core.store.tracking import Store, open_store
from experiments.serve import mlflow_environment, mlflow_service
from experiments.worker import environment, worker_status
from tests.experiments.processes import until

HOST = "127.0.0.1"


def free_port() -> int:
    """A port of this machine that nobody uses."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class Cluster:
    """A head that executes nothing, and nodes that do; what one starts, `close` ends."""

    def __init__(self, backend: Store, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        mlflow_port = free_port()
        server = mlflow_service(backend, mlflow_port)
        self._start("mlflow", server.command, mlflow_environment(backend))
        until(server.answers)
        self.store = open_store(f"http://{HOST}:{mlflow_port}")
        self.env = {
            **environment(self.store),
            "UNROLL_EXECUTOR": "ray",
            "RAY_ADDRESS": f"{HOST}:{self.port}",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_USAGE_STATS_ENABLED": "0",
            # After so long without a head, what belongs to the cluster ends.
            "RAY_gcs_rpc_server_reconnect_timeout_s": "5",
        }

    def start_head(self) -> None:
        """Start the process that knows the nodes."""
        # A socket's path may have some hundred letters, and pytest's folders have long names.
        temporary = Path(f"/tmp/unroll-ray-{self.port}")
        shutil.rmtree(temporary, ignore_errors=True)
        self._ray("head", "--head", "--port", str(self.port), "--num-cpus", "0",
                  "--dashboard-host", HOST, "--temp-dir", str(temporary))  # fmt: skip

    def start_node(self, name: str, gpus: int = 0) -> None:
        """Start a node and have it join."""
        self._ray(name, "--address", f"{HOST}:{self.port}", "--num-cpus", "2",
                  "--num-gpus", str(gpus))  # fmt: skip

    def start_worker(self) -> None:
        """Start the worker and wait until it takes runs."""
        self._start("worker", [sys.executable, "-m", "experiments", "worker"], self.env)
        until(lambda: (s := worker_status(self.store)) is not None and s.ready)

    def kill(self, name: str) -> None:
        """End a process with all that it has started, as a power cut does."""
        process = self.processes.pop(name)
        with contextlib.suppress(psutil.NoSuchProcess):
            family = psutil.Process(process.pid).children(recursive=True)
            for member in (psutil.Process(process.pid), *family):
                with contextlib.suppress(psutil.NoSuchProcess):
                    member.kill()
        process.wait(30)

    def close(self) -> None:
        """Leave nothing behind."""
        if "worker" in self.processes:
            self.processes["worker"].terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.processes["worker"].wait(30)
        for name in [*self.processes][::-1]:
            self.kill(name)
        shutil.rmtree(f"/tmp/unroll-ray-{self.port}", ignore_errors=True)
        shutil.rmtree(self.store.folder, ignore_errors=True)

    def wait_until_all_ended(
        self, seconds: float, watch: Callable[[], None] = lambda: None
    ) -> list[RunRecord]:
        """Every run of the store, once none of them waits or runs; `watch` is called meanwhile."""
        deadline = time.monotonic() + seconds
        while True:
            watch()
            records = self.store.runs(unreadable=True)
            if all(record.status in ENDED for record in records):
                return records
            assert time.monotonic() < deadline, [r for r in records if r.status not in ENDED]
            time.sleep(0.2)

    def _ray(self, name: str, *arguments: str) -> None:
        log = self._start(
            name,
            [sys.executable, "-m", "ray.scripts.scripts", "start", "--block",
             "--object-store-memory", "100000000", *arguments],
            self.env,
        )  # fmt: skip
        until(lambda: "This command will now block" in log.read_text())

    def _start(self, name: str, command: Sequence[str], env: dict[str, str]) -> Path:
        log = self.folder / f"{name}.log"
        with log.open("wb") as output:
            self.processes[name] = subprocess.Popen(
                command,
                cwd=PROJECT,
                env={**os.environ, **env},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return log
