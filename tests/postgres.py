"""PostgreSQL, and an MLflow server over it, as tests start them.

PostgreSQL's own programs start one here, as another user, because it refuses to be root's.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from core.store.folder import StoreError
from core.store.tracking import Store, open_store
from experiments.databases import program
from tests.experiments.processes import until

PASSWORD = "p@ss/word%"


def missing() -> str:
    """What keeps PostgreSQL from being started here."""
    try:
        program("initdb")
    except StoreError as error:
        return str(error)
    if find_spec("psycopg") is None:
        return "psycopg is not installed"
    if os.getuid() == 0 and "postgres" not in {entry.pw_name for entry in pwd.getpwall()}:
        return "PostgreSQL refuses to be run by root, and there is no user postgres"
    return ""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def postgresql() -> Iterator[int]:
    """The port of a PostgreSQL server with the databases `one`, `two` and `three`."""
    folder = Path(tempfile.mkdtemp())  # another user must reach it
    data, chosen = folder / "data", free_port()
    user = "postgres" if os.getuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    (folder / "password").write_text(PASSWORD)
    (folder / "password").chmod(0o644)
    words = ["-D", str(data), "-U", "unroll", "-A", "scram-sha-256", "-E", "UTF8"]
    words += ["--no-sync", "--pwfile", str(folder / "password")]
    quiet = {"user": user, "cwd": folder, "stdout": subprocess.DEVNULL}
    subprocess.run([program("initdb"), *words], check=True, **quiet)
    options = ["-D", str(data), "-p", str(chosen), "-h", "127.0.0.1", "-k", str(folder)]
    server = subprocess.Popen([program("postgres"), *options], stderr=subprocess.DEVNULL, **quiet)
    env = {**os.environ, "PGPASSWORD": PASSWORD, "PGHOST": "127.0.0.1", "PGPORT": str(chosen)}
    env |= {"PGUSER": "unroll"}

    def ready() -> bool:
        return subprocess.run([program("pg_isready"), "-q"], env=env).returncode == 0

    try:
        until(ready)
        for name in ("one", "two", "three"):
            subprocess.run([program("createdb"), name], env=env, check=True)
        yield chosen
    finally:
        server.send_signal(signal.SIGINT)  # SIGTERM would wait until the last client is gone
        server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def address(port: int, name: str) -> str:
    return f"postgresql://unroll:p%40ss%2Fword%25@127.0.0.1:{port}/{name}"


@contextmanager
def served(database: str, artifacts: Path) -> Iterator[Store]:
    """An MLflow server over a database."""
    port = free_port()
    env = {**os.environ, "MLFLOW_BACKEND_STORE_URI": database, "MLFLOW_DISABLE_TELEMETRY": "true"}
    env |= {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    words = ["server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    words += ["--serve-artifacts", "--artifacts-destination", str(artifacts)]
    server = subprocess.Popen(
        [sys.executable, "-m", "mlflow", *words],
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def answers() -> bool:
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{port}/health").status == 200
        except OSError:
            return False

    try:
        until(answers, 90)
        yield open_store(f"http://127.0.0.1:{port}")
    finally:
        server.terminate()
        server.wait(30)
