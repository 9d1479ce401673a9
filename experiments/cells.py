"""Adding a cell that somebody wrote: the file is checked in a process of its own, then kept.

A file is code, and to check it is to execute it. On a shared installation only admins may add one.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.models import own_cells
from core.models.own_cells import MAX_BYTES, MAX_TITLE, NAME, Version
from core.models.registry import built_in_cells
from core.settings import BadSetting, shown
from core.store.people import Person, person_of_process

WHY = "which are code that runs on this machine"

CHECK_SECONDS = 60.0
"""A check takes two seconds, most of which torch takes to load."""

CHECK_BYTES = 4 * 2**30
"""Of data that a file may use while it is checked."""


@dataclass(frozen=True)
class Standing:
    """A file with a cell, and what is known of it."""

    file: Path
    version: Version | None
    """The version that was kept of it."""
    problem: str = ""
    """Why it was refused; empty while nobody has checked it."""


def add(file: Path, person: Person | None = None) -> Version:
    """Check a file and keep it as a version of its cell; at once if it was checked before.

    Raises `BadSetting` with one sentence on what is wrong and where, and `NotAllowed`.
    """
    person = person or person_of_process()
    person.require_admin(f"adds cells, {WHY}")
    return add_content(file.name, _content(file), person, str(file.absolute()))


def add_content(name: str, content: bytes, person: Person, file: str = "") -> Version:
    """The same for a file that was sent rather than named. Raises what `add` raises."""
    person.require_admin(f"adds cells, {WHY}")
    if len(content) > MAX_BYTES:
        raise BadSetting(
            f"cell_file is {shown(name)}, which has {len(content):,} bytes; a cell takes at most "
            f"{MAX_BYTES:,}"
        )
    known = own_cells.Source(Path(name), content).checked
    found = {"name": known.short, "title": known.title} if known else _check(name, content)
    try:
        return own_cells.keep(content, found["name"], found["title"], file or f"{name}, uploaded")
    except OSError as error:
        raise BadSetting(
            f"cell_file is {shown(name)}, but the folder {own_cells.folder()} cannot be "
            f"written ({error.strerror}); make it writable, or name another with "
            f"{own_cells.CELLS_VARIABLE}"
        ) from None


def add_all(person: Person | None = None) -> list[Standing]:
    """Check every file of the folder and every cell of an installed package that is not offered
    yet. One that is wrong leaves the others as they are.
    """
    standings = []
    for source in own_cells.sources():
        version, problem = source.checked, ""
        if version is None or not source.is_offered:
            try:
                version = add(source.file, person)
            except BadSetting as error:
                problem = str(error)
        standings.append(Standing(source.file, version, problem))
    return standings


def _content(file: Path) -> bytes:
    name = f"cell_file is {shown(str(file))}"
    try:
        if not file.exists():
            raise BadSetting(f"{name}, which does not exist; give a Python file with one cell")
        if not file.is_file() or file.suffix != ".py":
            raise BadSetting(f"{name}, which is no Python file; give one with one cell")
        if file.stat().st_size > MAX_BYTES:
            raise BadSetting(
                f"{name}, which has {file.stat().st_size:,} bytes; a cell takes at most "
                f"{MAX_BYTES:,}"
            )
        return file.read_bytes()
    except OSError as error:
        raise BadSetting(f"{name}, which cannot be read ({error.strerror})") from None


def _check(name: str, content: bytes) -> dict[str, str]:
    """What the process that checks a file says of it."""
    with tempfile.TemporaryDirectory(prefix="unroll-cell-") as folder:
        # Exactly what will be kept is checked, and nothing beside the file is imported by chance.
        copied, result = Path(folder) / Path(name).name, Path(folder) / "result.json"
        copied.write_bytes(content)
        with _process(copied, result) as process:
            try:
                _, errors = process.communicate(timeout=CHECK_SECONDS)
            except subprocess.TimeoutExpired:
                raise BadSetting(
                    f"{name} was still being checked after {CHECK_SECONDS:.0f} seconds; look "
                    "for a loop without end"
                ) from None
        try:
            found = json.loads(result.read_text())
        except (OSError, ValueError):
            last = (errors.decode(errors="replace").strip().splitlines() or [""])[-1][:200]
            said = f" ({last})" if last else ""
            raise BadSetting(
                f"{name} ended the process that checked it (exit status "
                f"{process.returncode}){said}; it may use at most {CHECK_BYTES / 2**30:.0f} GiB"
            ) from None
    if not isinstance(found, dict):
        found = {"problem": "it has written over what was said of it"}
    if problem := found.get("problem"):
        place = f"{name}, line {found['line']}" if found.get("line") else name
        raise BadSetting(f"{place}: {problem}")
    short, title = str(found.get("name")), str(found.get("title"))
    # A file can say anything of itself: the rules are those of the check.
    if not NAME.fullmatch(short) or short in built_in_cells() or not 0 < len(title) <= MAX_TITLE:
        raise BadSetting(f"{name}: its name is {shown(short)}; give one that the check accepts")
    return {"name": short, "title": title}


@contextlib.contextmanager
def _process(file: Path, result: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The process that checks a file, which ends with everything that it started."""
    process = subprocess.Popen(
        [sys.executable, "-m", "core.models.cell_check", str(file), str(result)],
        cwd=Path(__file__).resolve().parents[1],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=limit_memory,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def limit_memory() -> None:
    """Let this process have so much memory, and no more."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = CHECK_BYTES if hard == resource.RLIM_INFINITY else min(CHECK_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
