"""`python -m experiments.bench [SECTION …]`: every section, or the named ones."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from core.settings import BadSetting
from experiments.bench import (
    dashboard,
    engine,
    explorer,
    gradients,
    memory,
    scale,
    seq2seq,
    timing,
)

SECTIONS: dict[str, Callable[[], list[Table]]] = {
    "gradients": gradients.tables,
    "timing": timing.tables,
    "seq2seq": seq2seq.tables,
    "memory": memory.tables,
    "engine": engine.tables,
    "dashboard": dashboard.tables,
    "explorer": explorer.tables,
}


def main(words: list[str]) -> int:
    """Print the tables of the named sections; all of them without names."""
    chosen = _parsed(words)
    console = Console(width=None if sys.stdout.isatty() else 160)
    try:
        for name in chosen.sections or (*SECTIONS, "scale"):
            for table in _scale(chosen) if name == "scale" else SECTIONS[name]():
                console.print(table)
    except BadSetting as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _parsed(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m experiments.bench")
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, "scale", []], metavar="SECTION")
    parser.add_argument("--runs", type=int, default=10_000, help="of scale: runs in the store")
    parser.add_argument("--sessions", type=int, default=20, help="of scale: people at once")
    parser.add_argument(
        "--store", type=Path, help="of scale: a folder that keeps the store for the next time"
    )
    return parser.parse_args(words)


def _scale(chosen: argparse.Namespace) -> list[Table]:
    if chosen.store is not None:
        return scale.tables(chosen.store.absolute(), chosen.runs, chosen.sessions)
    with tempfile.TemporaryDirectory() as folder:
        return scale.tables(Path(folder) / "store", chosen.runs, chosen.sessions)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
