"""`python -m tests.bench [SECTION …]`: the named sections, or every one but `pages` and `jobs`,
which measure over the store that is configured."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from core.settings import BadSetting
from tests.bench import (
    cells,
    dashboard,
    engine,
    explorer,
    gradients,
    jobs,
    memory,
    pages,
    scale,
    seq2seq,
    timing,
)


def _scale(arguments: argparse.Namespace) -> Iterator[Table]:
    if arguments.store is not None:
        yield from scale.tables(arguments.store.absolute(), arguments.runs, arguments.sessions)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield from scale.tables(Path(folder) / "store", arguments.runs, arguments.sessions)


SECTIONS: dict[str, Callable[[argparse.Namespace], Iterable[Table]]] = {
    "gradients": lambda _: gradients.tables(),
    "cells": lambda _: cells.tables(),
    "timing": lambda _: timing.tables(),
    "seq2seq": lambda _: seq2seq.tables(),
    "memory": lambda _: memory.tables(),
    "engine": lambda _: engine.tables(),
    "dashboard": lambda _: dashboard.tables(),
    "explorer": lambda _: explorer.tables(),
    "pages": lambda _: pages.tables(),
    "jobs": lambda _: jobs.tables(),
    "scale": _scale,
    "postgresql": lambda a: scale.postgresql(a.runs, a.sessions),
}

OF_THE_CHAPTER = ("pages", "jobs")
"""They measure over the store that is configured."""


def main(words: list[str]) -> int:
    """Print the tables of the named sections; all of them without names."""
    arguments = _parsed(words)
    console = Console(width=None if sys.stdout.isatty() else 160)
    try:
        for name in arguments.sections or [name for name in SECTIONS if name not in OF_THE_CHAPTER]:
            for table in SECTIONS[name](arguments):
                console.print(table)
    except BadSetting as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _parsed(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", allow_abbrev=False)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--runs", type=int, default=10_000, help="of scale: runs in the store")
    parser.add_argument("--sessions", type=int, default=20, help="of scale: people at once")
    parser.add_argument(
        "--store", type=Path, help="of scale: a folder that keeps the store for the next time"
    )
    arguments = parser.parse_args(words)
    unknown = [name for name in arguments.sections if name not in SECTIONS]
    if unknown:
        parser.error(f"section is {unknown[0]!r}; choose from {', '.join(SECTIONS)}")
    return arguments


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
