"""Worker, MLflow UI and dashboard together: what `make run` starts, and Ctrl-C stops."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from collections.abc import Callable
from typing import NoReturn

import psutil
from filelock import FileLock, Timeout

from core.runner import stop_signals
from core.secrets import without_secrets
from core.settings import BadSetting
from core.store.folder import StoreError, without_user
from core.store.postgres import BACKEND_VARIABLE
from core.store.records import DASHBOARD_VARIABLE
from core.store.tracking import Store
from experiments.guard import Guard
from experiments.queue import submit_suite
from experiments.services import Service
from experiments.suites import suite_named
from experiments.worker import environment, worker_status

HOST = "127.0.0.1"

READY_SECONDS = 90.0
"""How long a server may take to answer first; a cold disk makes MLflow slow to import."""


def serve_all(
    store: Store, say: Callable[[str], None], dashboard_port: int, mlflow_port: int
) -> int:
    """Start everything, print the addresses, wait for Ctrl-C; return the exit status."""
    stopping: list[int] = []
    services: list[Service] = []
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(FileLock(store.folder / "serve.lock", timeout=0))
        except Timeout:
            raise StoreError(
                f"Unroll already serves {without_secrets(store.uri)}; use the dashboard that is "
                "open, or stop that one first (Ctrl-C where it runs)"
            ) from None
        stack.enter_context(stop_signals(lambda number, _: stopping.append(number)))
        require_free(dashboard_port, "dashboard_port")
        mlflow_url = without_user(store.uri)
        if not store.uri.startswith("http"):
            require_free(mlflow_port, "mlflow_port")
            mlflow_url = f"http://{HOST}:{mlflow_port}"
            services.append(mlflow_service(store, mlflow_port))
        if worker_status(store) is None:
            services.append(_worker_service(store))
        services.append(dashboard_service(store, dashboard_port))
        if not store.runs():
            suite = suite_named("first-look")
            submit_suite(store, suite)
            say(f"The store is empty: queued the {suite.name} suite ({len(suite.configs())} runs).")
        env = {
            **mlflow_environment(store),
            "UNROLL_MLFLOW_URL": mlflow_url,
            DASHBOARD_VARIABLE: f"http://{HOST}:{dashboard_port}",
        }
        guard = Guard()

        def start(service: Service) -> None:
            guard.watch(service.start(env))

        try:
            for service in services:
                start(service)
            _wait_until_ready(services, say, stopping)
            if not stopping:
                say(f"Dashboard  http://{HOST}:{dashboard_port}")
                say(f"MLflow UI  {mlflow_url}/#/experiments?workflowType=machine_learning")
                say("Ctrl-C stops everything.")
            return _watch(store, services, say, stopping, start)
        finally:
            say("Stopping.")
            for service in reversed(services):
                service.stop(patience=20.0 if service.name == "worker" else 3.0)
            guard.dismiss()


def mlflow_service(store: Store, port: int) -> Service:
    """The MLflow UI over the store; `environment` switches off its job runners."""
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port)),
        *("--workers", "1"),
        *("--artifacts-destination", str(store.folder / "artifacts")),
    ]
    log = store.folder / "mlflow.log"
    return Service("MLflow UI", command, log, f"http://{HOST}:{port}/health")


def mlflow_environment(store: Store) -> dict[str, str]:
    """The environment of the MLflow UI: everybody sees a command line, and an address may have a
    password in it.
    """
    return {**environment(store), BACKEND_VARIABLE: store.uri}


def dashboard_service(store: Store, port: int) -> Service:
    """The Streamlit dashboard."""
    command = [
        *(sys.executable, "-m", "dashboard"),
        *("--server.port", str(port), "--server.address", HOST, "--server.headless", "true"),
    ]
    log = store.folder / "dashboard.log"
    return Service("dashboard", command, log, f"http://{HOST}:{port}/_stcore/health")


def _worker_service(store: Store) -> Service:
    command = [sys.executable, "-m", "experiments", "worker"]
    return Service("worker", command, store.folder / "worker.log")


def _wait_until_ready(
    services: list[Service], say: Callable[[str], None], stopping: list[int]
) -> None:
    waiting = [service for service in services if service.health]
    say(f"Starting {', '.join(service.name for service in services)} …")
    deadline = time.monotonic() + READY_SECONDS
    while waiting and not stopping and time.monotonic() < deadline:
        waiting = [service for service in waiting if not service.answers()]
        if _dead(services):
            return
        time.sleep(0.1)
    for service in waiting if not stopping else []:
        say(f"The {service.name} does not answer yet; its log is {service.log}")


def _watch(
    store: Store,
    services: list[Service],
    say: Callable[[str], None],
    stopping: list[int],
    start: Callable[[Service], None],
) -> int:
    while not stopping:
        started = any(service.name == "worker" for service in services)
        if not started and worker_status(store) is None:  # the one that was running has ended
            services.append(_worker_service(store))
            start(services[-1])
        for service in _dead(services):
            say(f"The {service.name} has ended; the end of its log ({service.log}):")
            say(service.last_words())
            return 1
        time.sleep(0.2)
    return 0


def _dead(services: list[Service]) -> list[Service]:
    return [service for service in services if service.dead]


def require_free(port: int, setting: str, instead: str = "") -> None:
    """Raise `BadSetting` if the port is taken; it names who has it, and the command to use instead
    (default: `make run` with the next port).
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            flag = "--" + setting.replace("_", "-")
            instead = instead or f'make run ARGS="{flag} {port + 1}"'
            raise BadSetting(
                f"{setting} is {port}, which {_holder(port)} uses ({error.strerror}); stop "
                f"that, or choose another: {instead}"
            ) from None


def _holder(port: int) -> str:
    with contextlib.suppress(psutil.Error):
        for listener in psutil.net_connections("tcp"):
            if listener.laddr and listener.laddr.port == port and listener.pid:
                return f"process {listener.pid} ({psutil.Process(listener.pid).name()})"
    return "another process"


def run_mlflow(store: Store, port: int) -> NoReturn:
    """Become the MLflow UI, in the foreground."""
    require_free(port, "mlflow_port")
    os.execve(sys.executable, mlflow_service(store, port).command, mlflow_environment(store))
