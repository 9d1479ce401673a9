"""`make team` as a person meets it: all parts come up, come back when they are killed, and end."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from core.experiments import experiment_named
from core.processes import started_at
from core.store.folder import PROJECT, StoreError, folder_of
from core.store.tracking import Store, open_store
from experiments.hosting import PEOPLE, require_programs, search_path
from experiments.parts import PORTS, Installation, parts
from experiments.queue import submit
from tests.experiments.processes import until

MLFLOW_CLOSED = 302
"""What somebody who has not signed in gets of MLflow: the way to the sign-in."""


def free_ports(count: int) -> int:
    """The first of so many ports in a row that nobody uses."""
    for first in range(20_000, 30_000, count):
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(first, first + count):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first
    raise AssertionError("no ports are free")


class Team:
    def __init__(self, folder: Path, configuration: Path | None = None) -> None:
        self.at = Installation(folder, free_ports(len(PORTS)), sign_in=tuple(PEOPLE.values()))
        self.parts = {part.name: part for part in parts(self.at)}
        self.env = {**os.environ, "PATH": search_path()}
        if configuration is None:
            self.env.pop("UNROLL_TEAM", None)
        else:
            self.env["UNROLL_TEAM"] = str(configuration)
        command = [sys.executable, "-m", "experiments", "team", "--port", str(self.at.port)]
        self.process = subprocess.Popen(
            [*command, "--folder", str(folder)],
            cwd=PROJECT,
            env=self.env,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr
        self.said = list(iter(self.process.stderr.readline, "Ctrl-C stops everything.\n"))

    def end(self) -> None:
        """Stop it as Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=60)
        shutil.rmtree(folder_of(self.uri), ignore_errors=True)

    @property
    def uri(self) -> str:
        return self.parts["worker"].env["MLFLOW_TRACKING_URI"]

    def status(self, path: str) -> int:
        """Through the proxy, whose certificate is verified; no redirection is followed."""

        class Stay(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *_: object) -> None:
                return None

        context = ssl.create_default_context(cafile=self.at.secret("certificate.pem"))
        opener = urllib.request.build_opener(Stay, urllib.request.HTTPSHandler(context=context))
        try:
            return int(opener.open(f"{self.at.url}{path}", timeout=10).status)
        except urllib.error.HTTPError as error:
            return error.code

    def well(self) -> bool:
        lasting = (part for part in self.parts.values() if not part.once)
        return all(part.answers(self.env) for part in lasting)

    def child(self, *words: str) -> psutil.Process:
        """The process that was started with these words."""
        children = psutil.Process(self.process.pid).children()
        (found,) = (child for child in children if set(words) <= set(child.cmdline()))
        return found


@pytest.fixture
def team() -> Iterator[Team]:
    try:
        require_programs(search_path())
    except StoreError as error:
        pytest.skip(str(error))
    # Where PostgreSQL's own account can come in: pytest's folders are closed to it.
    folder = Path(tempfile.mkdtemp(prefix="unroll-team-"))
    folder.chmod(0o755)
    team = Team(folder)
    yield team
    team.end()
    shutil.rmtree(folder)


def measured(store: Store, run_id: str) -> tuple[object, ...]:
    record = store.run(run_id)
    with store.artifact(run_id, "log.txt") as log:
        assert log is not None
        written = log.read_bytes()
    tables = [store.table(record, row.table) for row in experiment_named(record.experiment).rows]
    rows = [table.to_dict() for table in tables if table is not None]
    assert rows
    return record.status, record.settings, record.metrics, written, rows


@pytest.mark.slow
def test_a_team_comes_up_comes_back_and_ends(team: Team) -> None:
    assert any(team.at.url in line for line in team.said)
    assert all(any(person in line for line in team.said) for person in PEOPLE.values())
    until(team.well)
    assert team.status("/_stcore/health") == 200
    assert team.status("/mlflow/") == MLFLOW_CLOSED

    store = open_store(team.uri)
    experiment = experiment_named("parameter-count")
    (run_id,) = submit(store, experiment, experiment.configs(["lstm"], {"hidden_size": [8]}))
    until(lambda: store.run(run_id).status == "FINISHED", 120)
    before = measured(store, run_id)

    for words in (
        ("mlflow", "server"),
        ("postgres",),
        ("server", "-s3"),
        ("experiments", "worker"),
    ):
        killed = team.child(*words)
        killed.kill()
        until(lambda gone=killed.pid, now=words: _again(team, now, gone), 60)
        until(team.well, 120)
    assert measured(open_store(team.uri), run_id) == before
    (again,) = submit(store, experiment, experiment.configs(["gru"], {"hidden_size": [8]}))
    until(lambda: store.run(again).status == "FINISHED", 120)

    secrets = [
        (team.at.secrets / name).read_text().strip()
        for name in ("database_password", "artifacts_secret_key", "cookie_secret")
    ]
    family = psutil.Process(team.process.pid).children(recursive=True)
    shown = "\n".join(" ".join(process.cmdline()) for process in family)
    shown += "".join(path.read_text(errors="replace") for path in team.at.folder.glob("logs/*"))
    assert [secret for secret in secrets if secret in shown] == []

    pids = {process.pid: started_at(process.pid) for process in family}
    team.process.kill()
    until(lambda: not any(started_at(pid) == since for pid, since in pids.items()), 60)


def _again(team: Team, words: tuple[str, ...], pid: int) -> bool:
    try:
        return team.child(*words).pid != pid
    except (ValueError, psutil.Error):
        return False
