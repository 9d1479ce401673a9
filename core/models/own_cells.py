"""Cells that people wrote: one file with one `StepCell`, known by its name and its content.

A file is checked once (`core.models.cell_check`) and then copied to `versions/NAME@DIGEST.py` in
the folder of own cells, `cells/` in the project unless UNROLL_CELLS names another. That full name
is what a run records as its cell: two versions of one file are two cells, a run that was queued
before its file was edited is executed as it was, and a run whose file is gone is still read.
Nothing but a checked copy is ever loaded, and only when something is computed from it.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import inspect
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import cast

from core.models.layer import StepCell
from core.settings import BadSetting

CELLS_VARIABLE = "UNROLL_CELLS"

DEFAULT_FOLDER = Path(__file__).resolve().parents[2] / "cells"

ENTRY_POINTS = "unroll.cells"
"""The group in which an installed package names its cells."""

DIGEST_LETTERS = 8

SHOWN_LETTERS = 4
"""Of the digest, in the title that people read."""

FULL_NAME = re.compile(rf"[a-z][a-z0-9-]{{0,29}}@[0-9a-f]{{{DIGEST_LETTERS}}}")

NAME = re.compile(r"[a-z][a-z0-9-]{0,29}")
"""What a file may call its cell."""

MAX_TITLE = 30

MAX_BYTES = 2**18
"""Of a file with one cell: more is something else."""

LOOK_SECONDS = 1.0
"""How long the list of cells is kept before the folder is read again."""


@dataclass(frozen=True)
class Version:
    """A file that was checked and may be used."""

    name: str
    """`leaky@3f2a9c12`: the cell's own name, and the beginning of the file's SHA-256."""
    title: str
    """As the file says it: `Leaky RNN`."""
    file: str
    """Where it was read from."""
    sha256: str
    added: float
    """When, in seconds since the epoch."""

    @property
    def short(self) -> str:
        """What commands may call it as long as it is the newest: `leaky`."""
        return self.name.partition("@")[0]

    @property
    def shown(self) -> str:
        """The title with the version: `Leaky RNN (3f2a)`."""
        return f"{self.title} ({shown_digest(self.name)})"


def shown_digest(name: str) -> str:
    """The part of a full name that tells versions apart for people."""
    return name.partition("@")[2][:SHOWN_LETTERS]


def folder() -> Path:
    """Where people put their cells."""
    return Path(os.environ.get(CELLS_VARIABLE) or DEFAULT_FOLDER).absolute()


def full_name(short: str, content: bytes) -> str:
    """The name of a version."""
    return f"{short}@{hashlib.sha256(content).hexdigest()[:DIGEST_LETTERS]}"


def file_of(name: str, ending: str = "py") -> Path:
    """Where the checked copy of a version is, or its description with the ending `json`."""
    return folder() / "versions" / f"{name}.{ending}"


def keep(content: bytes, short: str, title: str, file: str) -> Version:
    """Keep a checked file as a version. Raises OSError where the folder cannot be written."""
    digest = hashlib.sha256(content).hexdigest()
    version = Version(full_name(short, content), title, file, digest, time.time())
    for ending, text in (("py", content), ("json", json.dumps(asdict(version)).encode())):
        place = file_of(version.name, ending)
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(f".{place.name}-{os.getpid()}")
        part.write_bytes(text)
        part.replace(place)
    _listed.cache_clear()
    return version


def version(name: str) -> Version | None:
    """The version of that full name, if its copy is here."""
    if not FULL_NAME.fullmatch(name) or not file_of(name).exists():
        return None
    return _described(file_of(name, "json"))


def offered() -> dict[str, Version]:
    """Full name → the newest version of every cell whose file is still where it was."""
    return _listed(str(folder()), int(time.monotonic() / LOOK_SECONDS))


@functools.lru_cache(maxsize=4)
def _listed(place: str, _now: int) -> dict[str, Version]:
    found = (_described(path) for path in sorted((Path(place) / "versions").glob("*.json")))
    newest: dict[str, Version] = {}
    for each in sorted(filter(None, found), key=lambda each: each.added):
        newest[each.short] = each
    return {v.name: v for v in newest.values() if file_of(v.name).exists() and _is_there(v)}


def _is_there(version: Version) -> bool:
    """A file that somebody took out of the folder is not offered any more."""
    path = Path(version.file)
    return path.exists() or path.parent != folder()


def _described(path: Path) -> Version | None:
    try:
        described = Version(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return described if f"{described.name}.json" == path.name else None


@dataclass(frozen=True)
class Source:
    """A file with a cell, checked or not."""

    file: Path
    content: bytes

    @property
    def checked(self) -> Version | None:
        """The version of this content."""
        digest = hashlib.sha256(self.content).hexdigest()
        places = file_of("x").parent.glob(f"*@{digest[:DIGEST_LETTERS]}.json")
        found = (version(place.stem) for place in places)
        return next((v for v in found if v is not None and v.sha256 == digest), None)

    @property
    def is_offered(self) -> bool:
        """Whether its version is the one that can be chosen."""
        return self.checked is not None and self.checked.name in offered()


def sources() -> Iterator[Source]:
    """Every file in the folder, and the file of every cell that an installed package names."""
    for path in sorted(folder().glob("*.py")):
        yield from _source(path)
    for entry in entry_points(group=ENTRY_POINTS):
        path_of_entry = _file_of_entry(entry)
        if path_of_entry is not None:
            yield from _source(path_of_entry)


def _source(path: Path) -> Iterator[Source]:
    try:
        if path.is_file() and path.stat().st_size <= MAX_BYTES:
            yield Source(path, path.read_bytes())
    except OSError:  # gone, or not ours to read
        return


def _file_of_entry(entry: EntryPoint) -> Path | None:
    """The file of a package's module. Neither is executed for this: a package is only located."""
    package, *inner = entry.module.split(".")
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None:
        return None
    origin = Path(spec.origin)
    return origin.parent.joinpath(*inner).with_suffix(".py") if inner else origin


class NotLoaded(BadSetting):
    """A cell cannot be computed on this machine. The message says why."""


def load(name: str) -> StepCell:
    """The cell of a version, ready to compute. Raises `NotLoaded`."""
    return _load(str(folder()), name)


@functools.lru_cache(maxsize=64)
def _load(_folder: str, name: str) -> StepCell:
    known = version(name)
    if known is None:
        raise NotLoaded(
            f"the file of cell {name} is not on this machine; add it again with "
            "python -m experiments cells FILE"
        )
    content = file_of(name).read_bytes()
    if hashlib.sha256(content).hexdigest() != known.sha256:
        raise NotLoaded(f"{file_of(name)} was changed after it was checked; add the file again")
    try:
        (cell,) = cells_in(module_of(file_of(name), content))
    except Exception as error:  # what it imports may be gone, or another version
        reason = (str(error).splitlines() or [""])[0]
        raise NotLoaded(
            f"cell {name} cannot be loaded any more ({type(error).__name__}: {reason})"
        ) from error
    named = type(cell.__name__, (cell,), {"name": name, "title": known.shown})
    return cast("StepCell", named())


def module_of(path: Path, content: bytes) -> ModuleType:
    """Execute this very content as a module of that file. Raises whatever it raises."""
    module = ModuleType(f"own_cell_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses and inspect look for it there
    exec(compile(content, str(path), "exec"), vars(module))
    return module


def cells_in(module: ModuleType) -> list[type[StepCell]]:
    """The cells that a module defines itself; one that others are derived from is none."""
    own = [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, StepCell)
        and value.__module__ == module.__name__
    ]
    bases = {base for cell in own for base in cell.__mro__[1:]}
    return [cell for cell in dict.fromkeys(own) if cell not in bases]
