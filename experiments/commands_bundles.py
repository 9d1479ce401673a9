"""What the commands for bundles do: runs to another store, and from there."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from core.formatting import counted
from core.settings import BadSetting
from core.store.bundle import MAX_BYTES, Bundle, Report, read_bundle
from core.store.records import RunRecord
from core.store.tracking import Store, open_store
from core.store.transfer import pack, unpack
from experiments.commands import selected_runs
from experiments.progress import progress_bar
from experiments.queue import equal_runs
from experiments.suites import suite_named
from experiments.terminal import say, write


def bundle(args: argparse.Namespace) -> int:
    """`bundle RUN…`: write finished runs as one file."""
    store = open_store()
    selected = _of_suite(store, args) if args.suite else selected_runs(store, args)
    with progress_bar("bundle") as report:
        content = pack(store, selected, models=args.models, report=report)
    write(content, args.output)
    say(f"{counted(len(selected), 'run')} bundled; python -m experiments import reads them")
    return 0


def _of_suite(store: Store, args: argparse.Namespace) -> Sequence[RunRecord]:
    """The finished runs in this store that a suite asks for; of timed ones those that this machine
    measured."""
    if args.runs or args.experiment or args.sweep:
        raise BadSetting(f"suite is {args.suite!r}; give either a suite, or runs")
    suite = suite_named(args.suite)
    equal = equal_runs(store.runs(), suite.configs())
    finished = {run.run_id: run for run in equal if run is not None and run.status == "FINISHED"}
    if not finished:
        raise BadSetting(
            f"suite is {suite.name!r}, of which this store has no finished run (a timed one counts "
            f"if this machine measured it); python -m experiments suite {suite.name} makes them"
        )
    if len(finished) < len(equal):
        say(
            f"this store has {len(finished)} of the {counted(len(equal), 'run')} of the suite; "
            "timed ones count if this machine measured them"
        )
    return list(finished.values())


def import_bundles(args: argparse.Namespace) -> int:
    """`import FILE…`: read the runs of bundles into this store."""
    store = open_store()
    store.person.require_launch()
    with progress_bar("check") as report:  # all of them before anything is written
        found = [_read(file, report) for file in args.bundles]
    there: list[str] = []
    for one in found:
        with progress_bar("import") as report:
            imported = unpack(store, one, report)
        there += [*imported.run_ids, *imported.restored]
        say(imported.sentence)
    if args.json:
        print(json.dumps(there))
    return 0


def _read(file: str, report: Report) -> Bundle:
    path = Path(file)
    try:
        size = path.stat().st_size
        if size <= MAX_BYTES:
            return read_bundle(file, path.read_bytes(), report)
    except OSError as error:
        raise BadSetting(
            f"bundle is {file!r}, which cannot be read ({error.strerror}); give a file that "
            "python -m experiments bundle has written"
        ) from None
    raise BadSetting(
        f"bundle is {file!r}, which has {size:,} bytes; at most {MAX_BYTES:,} are allowed"
    )
