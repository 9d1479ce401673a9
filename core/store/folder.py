"""Where a store is: its address, and the local folder beside it.

`mlruns/` holds `mlflow.db` and `artifacts/` (what MLflow reads), and beside them what only this
machine needs: `worker.lock`, `worker.log`, and `spool/RUN/`, where a run's rows are written as
they are measured, so that even a `kill -9` loses none of them.
"""

from __future__ import annotations

import errno
import hashlib
import os
import socket
from pathlib import Path
from urllib.parse import unquote, urlsplit

from filelock import FileLock

from core.secrets import without_secrets

PROJECT = Path(__file__).resolve().parents[2]

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
"""What the system says of a full disk."""

DEFAULT_URI = f"sqlite:///{PROJECT / 'mlruns' / 'mlflow.db'}"


class StoreError(RuntimeError):
    """The store cannot be used. The message says why and what to do, and holds no password."""

    def __init__(self, message: str) -> None:
        super().__init__(without_secrets(message))


def tracking_uri() -> str:
    """Where runs are recorded: `MLFLOW_TRACKING_URI`, or the project's own `mlruns/`."""
    uri = os.environ.get("MLFLOW_TRACKING_URI", "").strip() or DEFAULT_URI
    if not uri.startswith(("sqlite:///", "http://", "https://", "postgresql", "mysql", "mssql")):
        raise StoreError(
            f"MLFLOW_TRACKING_URI is {uri!r}; give sqlite:///PATH.db, a database address or the "
            "http(s) address of an MLflow server, or unset it to use the project's mlruns/"
        )
    return uri


def is_server(uri: str) -> bool:
    """Whether it is the address of an MLflow server."""
    return uri.startswith(("http://", "https://"))


def database_path(uri: str) -> Path | None:
    """The SQLite file behind a URI; None when a server or another database keeps the store.

    Raises `StoreError` for a path that means another file in an address, as MLflow reads it.
    """
    if not uri.startswith("sqlite:"):
        return None
    path = uri.removeprefix("sqlite:///")
    if "?" in path or unquote(path) != path:
        raise StoreError(
            f"the store would be {path!r}, but in an address ? begins options and %20 is a blank: "
            "rename the folder, or point MLFLOW_TRACKING_URI at one without these signs"
        )
    return Path(path).absolute()


def folder_of(uri: str) -> Path:
    """The local folder for locks, logs and spools."""
    database = database_path(uri)
    if database is not None:
        return database.parent
    address = without_user(uri)  # a new password must not lead to a new folder
    return PROJECT / "mlruns" / f"remote-{hashlib.sha256(address.encode()).hexdigest()[:12]}"


def without_user(uri: str) -> str:
    """An address without who signs in there, and with which password."""
    address = urlsplit(uri)
    return address._replace(netloc=address.netloc.rpartition("@")[2]).geturl()


def ensure_folder(folder: Path) -> None:
    """Create the folder; `StoreError` if it cannot be written."""
    try:
        (folder / "spool").mkdir(parents=True, exist_ok=True)
        probe = folder / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise StoreError(
            f"the store's folder {folder} cannot be written ({error.strerror}); "
            "make it writable, or point MLFLOW_TRACKING_URI elsewhere"
        ) from error


def require_server(uri: str) -> None:
    """Raise `StoreError` within seconds if no server listens; MLflow would retry for minutes."""
    address = urlsplit(uri)
    if address.scheme not in ("http", "https"):
        return
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        socket.create_connection((address.hostname or "", port), timeout=5).close()
    except OSError as error:
        raise StoreError(
            f"no MLflow server answers at {uri} ({error}); start it, or correct or unset "
            "MLFLOW_TRACKING_URI"
        ) from error


def schema_lock(folder: Path) -> FileLock:
    """The lock for creating the schema or an experiment: several processes at once would fail."""
    return FileLock(folder / "store.lock", timeout=120)
