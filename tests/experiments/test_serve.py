"""`make run` as a person meets it: one command, addresses, Ctrl-C, and what stands in its way."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request

import psutil
import pytest

from core.store.folder import PROJECT, without_user
from core.store.tracking import Store
from experiments.__main__ import main
from experiments.guard import Guard
from experiments.serve import (
    dashboard_service,
    mlflow_environment,
    mlflow_service,
)
from experiments.worker import environment, worker_status
from tests.experiments.processes import until


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def test_serve_starts_everything_measures_and_stops_everything(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    dashboard, mlflow = free_port(), free_port()
    command = [sys.executable, "-m", "experiments", "serve"]
    command += ["--dashboard-port", str(dashboard), "--mlflow-port", str(mlflow)]
    options = {"cwd": PROJECT, "env": environment(store), "stderr": subprocess.PIPE, "text": True}
    serve = subprocess.Popen(command, **options)
    try:
        said = list(iter(serve.stderr.readline, "Ctrl-C stops everything.\n"))
        assert f"Dashboard  http://127.0.0.1:{dashboard}\n" in said
        assert f"http://127.0.0.1:{mlflow}/" in said[-1]
        assert dashboard_service(store, dashboard).answers()
        assert mlflow_service(store, mlflow).answers()
        until(lambda: worker_status(store) is not None)
        assert len(store.runs()) == 40, "an empty store gets the first-look suite"
        until(lambda: any(record.status == "FINISHED" for record in store.runs()))
        page = urllib.request.urlopen(f"http://127.0.0.1:{dashboard}/").read()
        assert b"<title>" in page
        until(lambda: "First page: FINISHED_SUCC" in (store.folder / "dashboard.log").read_text())
        assert main(command[3:]) == 1, "a second one is refused"
        refusal = capsys.readouterr().err
        assert "already serves" in refusal
        assert refusal.count("\n") == 1
        started = family(serve)
        assert len(started) >= 3
        serve.send_signal(signal.SIGINT)
        assert serve.communicate(timeout=40)[1] == "Stopping.\n"
        assert serve.returncode == 0
        until(lambda: not any(process.is_running() for process in started), seconds=5)
        assert store.active() == [] or {r.status for r in store.active()} == {"SCHEDULED"}
    finally:
        if serve.poll() is None:
            serve.kill()


def test_no_password_is_in_the_command_of_the_mlflow_ui_or_in_its_links() -> None:
    store = Store("postgresql://unroll:hunter22@db/x")
    assert "hunter22" not in " ".join(mlflow_service(store, 5000).command)
    assert mlflow_environment(store)["MLFLOW_BACKEND_STORE_URI"] == store.uri
    assert without_user("https://ana:hunter22@ml.example/x") == "https://ml.example/x"
    assert without_user("http://127.0.0.1:5000") == "http://127.0.0.1:5000"


@pytest.mark.slow
def test_a_guard_ends_what_is_left_when_its_master_is_killed() -> None:
    """The master starts two processes, each with a child."""
    code = (
        "import subprocess, sys, time\n"
        "from experiments.guard import Guard\n"
        "guard = Guard()\n"
        "commands = 'sleep 600 & wait', 'sleep 600 & wait'\n"
        "for command in commands:\n"
        "    shell = subprocess.Popen(['sh', '-c', command], start_new_session=True)\n"
        "    guard.watch(shell.pid)\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)\n"
    )
    options = {"cwd": PROJECT, "stdout": subprocess.PIPE, "text": True}
    master = subprocess.Popen([sys.executable, "-c", code], **options)
    assert master.stdout is not None
    assert master.stdout.readline() == "ready\n"
    until(lambda: len(family(master)) >= 5)  # two shells, what they started, and the guard
    started = family(master)
    master.kill()
    master.wait()
    until(lambda: not any(process.is_running() for process in started), seconds=30)


def test_a_guard_that_is_dismissed_ends_nothing() -> None:
    process = psutil.Popen(["sleep", "60"], start_new_session=True)
    guard = Guard()
    guard.watch(process.pid)
    guard.dismiss()
    assert process.is_running()
    process.kill()
    process.wait()


@pytest.mark.parametrize("flag", ["--dashboard-port", "--mlflow-port"])
def test_a_busy_port_is_named_with_who_holds_it(
    flag: str, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    ports = {"--dashboard-port": free_port(), "--mlflow-port": free_port()}
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", ports[flag]))
        holder.listen()
        words = [str(word) for item in ports.items() for word in item]
        assert main(["serve", *words]) == 2
    error = capsys.readouterr().err
    assert f"is {ports[flag]}, which process {os.getpid()}" in error
    assert flag in error
    assert store.runs() == []
