"""`python -m experiments.bench [SECTION …]`: every section, or the named ones."""

from __future__ import annotations

import sys

from rich.console import Console

from experiments.bench import dashboard, engine, explorer, gradients, memory, seq2seq, timing

SECTIONS = {
    "gradients": gradients.tables,
    "timing": timing.tables,
    "seq2seq": seq2seq.tables,
    "memory": memory.tables,
    "engine": engine.tables,
    "dashboard": dashboard.tables,
    "explorer": explorer.tables,
}


def main(names: list[str]) -> int:
    """Print the tables of the named sections; all of them without names."""
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        print(
            f"error: section is {unknown[0]!r}; choose from {', '.join(SECTIONS)}", file=sys.stderr
        )
        return 2
    console = Console(width=None if sys.stdout.isatty() else 160)
    for name in names or SECTIONS:
        for table in SECTIONS[name]():
            console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
