"""Where the files of runs are, for those who copy all of them: a folder, S3, or an MLflow server.

Files are copied by experiment: an experiment's location has a folder for each of its runs.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from core.secrets import without_secrets
from core.store.folder import StoreError
from core.store.tracking import Store

DESTINATION_VARIABLE = "MLFLOW_ARTIFACTS_DESTINATION"
"""Where an MLflow server keeps what it serves as `mlflow-artifacts:`; set where that is reached."""

ENDPOINT_VARIABLE = "MLFLOW_S3_ENDPOINT_URL"

RUN_FOLDER = re.compile(r"[0-9a-f]{32}")

COPY_TRIES = 5
"""How often a file that changes while it is copied is copied again."""


class ArtifactStore(Protocol):
    """The files of one experiment."""

    def download(self, runs: Collection[str], into: Path) -> None:
        """Copy the files of these runs, and what belongs to no run, into a folder."""

    def upload(self, source: Path) -> None:
        """Put the files of a folder there that `download` has made."""

    def hashes(self, runs: Collection[str]) -> Mapping[str, str]:
        """Path → SHA-256, of what `download` would copy."""


def artifact_store(store_uri: str, location: str) -> ArtifactStore:
    """Where the files of a location are. Raises `StoreError` if that cannot be reached."""
    if location.startswith("mlflow-artifacts:"):
        under = urlsplit(location).path.strip("/")
        destination = os.environ.get(DESTINATION_VARIABLE, "").strip()
        if not destination:
            if not store_uri.startswith("http"):
                raise StoreError(
                    f"runs have their files at {location}; give the address of the MLflow server "
                    f"in MLFLOW_TRACKING_URI, or {DESTINATION_VARIABLE} as the server has it"
                )
            return ServedFiles(Store(store_uri))
        location = f"{destination.rstrip('/')}/{under}"
    address = urlsplit(location)
    if address.scheme == "s3":
        return BucketFiles(address.netloc, address.path.strip("/"))
    if address.scheme in ("", "file"):
        return FolderFiles(Path(unquote(address.path) if address.scheme else location))
    raise StoreError(
        f"runs have their files at {without_secrets(location)}; Unroll copies those of a folder, "
        "of S3 and of an MLflow server"
    )


class FolderFiles:
    """Files in a folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    def download(self, runs: Collection[str], into: Path) -> None:
        for path in self._files(runs):
            _copy_stable(path, into / path.relative_to(self._folder))

    def upload(self, source: Path) -> None:
        for path in regular_files(source):
            _copy_stable(path, self._folder / path.relative_to(source))

    def hashes(self, runs: Collection[str]) -> Mapping[str, str]:
        files = self._files(runs)
        return {path.relative_to(self._folder).as_posix(): sha256(path) for path in files}

    def _files(self, runs: Collection[str]) -> Iterator[Path]:
        for path in regular_files(self._folder):
            if _belongs(path.relative_to(self._folder).parts, runs):
                yield path


class BucketFiles:
    """Files in a bucket of S3, or of what speaks like it."""

    def __init__(self, bucket: str, prefix: str, client: Any = None) -> None:
        if client is None:
            try:
                import boto3
            except ModuleNotFoundError:
                raise StoreError(
                    f"the files of runs are in s3://{bucket}; pip install boto3, or unset "
                    f"{DESTINATION_VARIABLE} to copy them through the MLflow server"
                ) from None
            client = boto3.client("s3", endpoint_url=os.environ.get(ENDPOINT_VARIABLE) or None)
        self._client, self._bucket, self._prefix = client, bucket, f"{prefix}/" if prefix else ""

    def download(self, runs: Collection[str], into: Path) -> None:
        for name in self._names(runs):
            target = into / name
            target.parent.mkdir(parents=True, exist_ok=True)
            self._client.download_file(self._bucket, self._prefix + name, str(target))

    def upload(self, source: Path) -> None:
        for path in regular_files(source):
            name = path.relative_to(source).as_posix()
            self._client.upload_file(str(path), self._bucket, self._prefix + name)

    def hashes(self, runs: Collection[str]) -> Mapping[str, str]:
        return _hashes_of(self, runs)

    def _names(self, runs: Collection[str]) -> Iterator[str]:
        pages = self._client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix):
            for item in page.get("Contents", []):
                name = item["Key"].removeprefix(self._prefix)
                parts = PurePosixPath(name).parts
                if ".." not in parts and not name.startswith("/") and _belongs(parts, runs):
                    yield name


class ServedFiles:
    """Files that an MLflow server gives and takes, run by run."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def download(self, runs: Collection[str], into: Path) -> None:
        for run_id in runs:
            folder = into / run_id / "artifacts"
            if self._store.client.list_artifacts(run_id):
                folder.mkdir(parents=True)
                self._store.client.download_artifacts(run_id, "", str(folder))

    def upload(self, source: Path) -> None:
        for folder in sorted(source.iterdir()):
            self._store.client.log_artifacts(folder.name, str(folder / "artifacts"))

    def hashes(self, runs: Collection[str]) -> Mapping[str, str]:
        return _hashes_of(self, runs)


def regular_files(folder: Path) -> Iterator[Path]:
    """The regular files below a folder, in order; links lead elsewhere and are left out."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(parent) / name
            if path.is_file() and not path.is_symlink():
                yield path


def sha256(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hashes_of(files: ArtifactStore, runs: Collection[str]) -> Mapping[str, str]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files.download(runs, folder)
        return {p.relative_to(folder).as_posix(): sha256(p) for p in regular_files(folder)}


def _belongs(parts: Collection[str], runs: Collection[str]) -> bool:
    """Whether a file is of one of these runs, or of none: a run's folder is called by its id."""
    first = next(iter(parts), "")
    return first in runs or not RUN_FOLDER.fullmatch(first)


def _copy_stable(source: Path, target: Path) -> None:
    """Copy a file as it was at one moment: a run may be writing to it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for _ in range(COPY_TRIES):
        try:
            before = source.stat()
            shutil.copyfile(source, target)
            after = source.stat()
        except FileNotFoundError:  # it was replaced or removed meanwhile
            target.unlink(missing_ok=True)
            continue
        if (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size):
            return
