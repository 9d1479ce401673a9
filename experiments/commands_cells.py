"""The commands for cells that people wrote: checking and adding them, and their report card."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from core.formatting import counted
from core.settings import BadSetting
from core.store.tracking import open_store
from experiments import cards, cells, queue
from experiments.commands import print_queued
from experiments.progress import wait_for_runs
from experiments.reports.html import scorecard_report
from experiments.scorecards import ScorecardIndex, as_json
from experiments.terminal import OUT, print_scorecard, say, write


def cells_command(args: argparse.Namespace) -> int:
    """`cells`: check files and add them; exit status 1 if one is refused."""
    standings = [_standing(Path(file)) for file in args.files] or cells.add_all()
    if args.json:
        print(json.dumps([_described(standing) for standing in standings], ensure_ascii=False))
    elif not standings:
        say("There is no file in cells/ and no installed package with a cell yet.")
    else:
        for standing in standings:
            if standing.version is not None:
                name = standing.version.name
                OUT.print(f"{standing.version.shown}: --variants {name}", markup=False)
            else:
                say(standing.problem)
    return 0 if all(standing.version for standing in standings) else 1


def _standing(file: Path) -> cells.Standing:
    try:
        return cells.Standing(file, cells.add(file))
    except BadSetting as error:
        return cells.Standing(file, None, str(error))


def _described(standing: cells.Standing) -> dict[str, str | None]:
    version = standing.version
    return {
        "file": str(standing.file),
        "cell": version.name if version else None,
        "title": version.shown if version else None,
        "sha256": version.sha256 if version else None,
        "problem": standing.problem or None,
    }


def card(args: argparse.Namespace) -> int:
    """`card`: make what a cell's report card lacks, then print it."""
    parameters = cards.parameters_of(args.parameters)
    text = str(args.cell)
    is_file = text.endswith(".py")
    cell = cells.add(Path(text)).name if is_file else cards.cell_named(text)
    suite = cards.card_suite(cell, parameters)
    store = open_store()
    missing = queue.missing(store, suite)
    if args.queue:
        return print_queued(store, queue.submit_missing(store, missing), as_json=args.json)
    if missing.done:
        total = missing.done + len(missing.waiting) + len(missing.plan)
        say(f"{missing.done} of {total} runs are recorded already and are not repeated")
    run_ids = queue.submit_missing(store, missing)
    records, _ = wait_for_runs(store, run_ids)
    failed = [record for record in records if record.status != "FINISHED"]
    for record in failed:
        say(f"{record.name}: {record.status}: {record.error}")
    snapshot = ScorecardIndex(store.table).at(store.runs(archived=False))
    made = cards.card_of(snapshot, cell, parameters)
    if args.output:
        html = scorecard_report(made.scorecard, None, snapshot.runs, of_cell=made)
        write(html.encode(), args.output)
    if args.json:
        content = {
            "cell": made.kind,
            "sentence": made.answer,
            "abilities": made.abilities,
            "sentences": {q.experiment.name: sentences for q, sentences in made.sentences},
            **json.loads(as_json(made.scorecard)),
        }
        print(json.dumps(content, ensure_ascii=False))
    else:
        OUT.print(f"{made.answer}\n{made.abilities}\n", markup=False)
        for question, sentences in made.sentences:
            OUT.print(question.experiment.question, markup=False)
            for sentence in sentences or ["Not measured yet."]:
                OUT.print(f"  {sentence}", markup=False)
        OUT.print("")
        print_scorecard(made.scorecard)
    rest = len(run_ids) - len(records)
    if rest:
        say(f"{counted(rest, 'run')} still queued: the same command goes on with them")
    return 1 if failed or rest else 0
