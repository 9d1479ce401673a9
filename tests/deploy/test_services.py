"""Services that are started in order of need, and again when they die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.processes import started_at
from experiments import hosting
from experiments.guard import Guard
from experiments.guard import main as end_all
from experiments.hosting import render, require_programs
from experiments.parts import DEPLOY, Installation, parts
from experiments.services import Service, Supervisor, in_order_of_need
from tests.experiments.processes import until

Start = Callable[..., Supervisor]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[tuple[Supervisor, Guard]] = []

    def start(*services: Service, say: Callable[[str], None] = print) -> Supervisor:
        guard = Guard()
        supervisor = Supervisor(services, os.environ, guard, say)
        started.append((supervisor, guard))
        return supervisor

    yield start
    for supervisor, guard in started:
        supervisor.stop()
        guard.dismiss()


def shell(folder: Path, name: str, script: str, **more: object) -> Service:
    return Service(name, ["sh", "-c", script], folder / f"{name}.log", **more)


def stepping(supervisor: Supervisor, what: Callable[[], object]) -> Callable[[], object]:
    def look() -> object:
        supervisor.step()
        return what()

    return look


def test_a_service_waits_until_those_that_it_needs_are_well(tmp_path: Path, start: Start) -> None:
    ready, done = tmp_path / "ready", tmp_path / "done"
    base = shell(tmp_path, "base", "sleep 600", health=["test", "-e", str(ready)])
    prepare = shell(tmp_path, "prepare", f"touch {done}", needs=("base",), once=True)
    top = shell(tmp_path, "top", "sleep 600", health=["true"], needs=("prepare",))
    supervisor = start(*in_order_of_need([top, prepare, base]))
    until(stepping(supervisor, lambda: base.process))
    for _ in range(20):
        supervisor.step()
        time.sleep(0.01)
    assert prepare.process is None
    ready.touch()
    until(stepping(supervisor, lambda: not supervisor.waiting))
    assert done.exists()
    assert [s.dead for s in (base, prepare, top)] == [False] * 3


def test_a_service_that_dies_is_started_again_and_nothing_of_it_stays(
    tmp_path: Path, start: Start
) -> None:
    said: list[str] = []
    child = tmp_path / "child"
    service = shell(tmp_path, "x", f"sleep 600 & echo $! > {child}; wait", health=["true"])
    supervisor = start(service, say=said.append)
    until(stepping(supervisor, lambda: not supervisor.waiting and child.read_text()))
    first, left = service.process.pid, int(child.read_text())
    os.kill(first, signal.SIGKILL)
    until(stepping(supervisor, lambda: service.process and service.process.pid != first))
    assert started_at(left) is None
    assert said == [
        f"x was killed by signal 9; it is started again in 0.5 s (log: {tmp_path / 'x.log'})"
    ]


def test_services_that_need_each_other_are_refused(tmp_path: Path) -> None:
    one = shell(tmp_path, "one", "true", needs=("two",))
    with pytest.raises(ValueError, match="one: they need each other"):
        in_order_of_need([one])


def test_the_guard_leaves_alone_what_it_was_told_to_forget() -> None:
    processes = [subprocess.Popen(["sleep", "600"], start_new_session=True) for _ in range(2)]
    try:
        forgotten, other = processes
        threading.Thread(target=other.wait).start()  # else it would be there as a zombie
        end_all([str(forgotten.pid), str(other.pid), f"-{forgotten.pid}"])
        assert other.wait(5) == -signal.SIGTERM
        assert forgotten.poll() is None
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_secrets_are_made_once_for_their_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    command = [DEPLOY / "secrets.sh", folder, "unroll.example.com"]
    subprocess.run(command, check=True)
    made = {path.name: path.read_text() for path in folder.iterdir()}
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert made["cookie_secret"].strip() in made["team.toml"]
    assert "https://unroll.example.com/oauth2callback" in made["team.toml"]
    assert len(set(made.values())) == len(made)
    subprocess.run(command, check=True)
    assert {path.name: path.read_text() for path in folder.iterdir()} == made


def test_a_secret_comes_from_its_file_into_the_environment_alone(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("o pen'$se\n")
    code = "import os; print(os.environ['PGPASSWORD'], 'PGPASSWORD_FROM_FILE' in os.environ)"
    command = [DEPLOY / "with-secrets.sh", sys.executable, "-c", code]
    env = {**os.environ, "PGPASSWORD_FROM_FILE": str(tmp_path / "secret")}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "o pen'$se False\n"
    env["PGPASSWORD_FROM_FILE"] = str(tmp_path / "none")
    refused = subprocess.run(command, env=env, capture_output=True, text=True)
    assert refused.returncode == 1
    assert "PGPASSWORD_FROM_FILE is" in refused.stderr


def test_what_is_missing_is_said_with_the_command_that_installs_it(tmp_path: Path) -> None:
    with pytest.raises(hosting.StoreError) as error:
        require_programs(str(tmp_path))
    assert "initdb, postgres, pg_isready, nginx, openssl" in str(error.value)
    assert "apt install postgresql postgresql-client nginx-light openssl" in str(error.value)


def test_every_name_in_the_template_is_filled_in() -> None:
    template = (DEPLOY / "nginx.conf").read_text()
    proxy = next(part for part in parts(Installation(Path("/x"), 8443)) if part.name == "proxy")
    assert "${UNROLL_" not in render(template.replace("${UNROLL_…}", ""), proxy.env)
