"""`scorecard`: what every question says of some variants, on the same terms."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence

from rich.markup import escape
from rich.table import Table

from core.amounts import parse_amount
from core.architecture import LARGEST_HIDDEN_SIZE
from core.claims import Verdict
from core.parameters import LARGEST_BUDGET
from core.scorecard.card import Line, Scorecard
from core.scorecard.choices import MODES, USUAL, fullest, machines_there, usual_kinds
from core.scorecard.terms import Terms
from core.scorecard.words import (
    KEY,
    MARKS,
    NOT_YET,
    answer,
    basis_in_words,
    interval_of,
    repeats_of,
    value_of,
)
from core.settings import BadSetting
from core.tracking import RunRecord, open_store
from experiments import scorecard_data
from experiments.report import OUT, TABLE, asked_format, deliver, say
from experiments.scorecard_launches import launches
from experiments.scorecard_report import report
from experiments.scorecards import Shelf, Shelved, kinds_named, machine_named

Write = Callable[[Scorecard, Verdict, Mapping[str, RunRecord]], bytes]
FORMATS: Mapping[str, Write] = {
    "csv": lambda card, properties, runs: scorecard_data.csv(card),
    "json": lambda card, properties, runs: scorecard_data.as_json(card, properties),
    "latex": lambda card, properties, runs: scorecard_data.latex(card),
    "html": lambda card, properties, runs: report(card, properties, runs).encode(),
}


def scorecard(chosen: argparse.Namespace) -> int:
    """`scorecard`."""
    wanted = asked_format("json" if chosen.json else chosen.format, chosen.output, FORMATS)
    asked = _asked_terms(chosen.hidden_size, chosen.parameter_budget)
    store = open_store()
    shelved = Shelf(lambda run, name: store.table(run.run_id, name)).at(store.runs())
    card = _card(shelved, chosen.variants, asked, chosen.machine)
    if wanted == TABLE:
        _print(card)
    else:
        deliver(FORMATS[wanted](card, shelved.properties(), shelved.runs), chosen.output)
    for question in card.questions:
        for launch in launches(question.experiment, question.missing):
            say(f"not measured yet: {launch.command}")
    return 0


def _asked_terms(width: str | None, budget: str | None) -> Terms | None:
    if width is not None and budget is not None:
        raise BadSetting(
            f"hidden_size is {width!r} and parameter_budget is {budget!r}; leave one of the two out"
        )
    if width is not None:
        return Terms(hidden_size=_whole("hidden_size", width, LARGEST_HIDDEN_SIZE))
    if budget is not None:
        return Terms(parameter_budget=_whole("parameter_budget", budget, LARGEST_BUDGET))
    return None


def _whole(name: str, text: str, most: int) -> int:
    number = parse_amount(text, name)
    if number > most:
        raise BadSetting(f"{name} is {text!r}; give a whole number from 1 to {most:,}")
    return number


def _card(
    shelved: Shelved, variants: str | None, asked: Terms | None, machine: str | None
) -> Scorecard:
    kinds = usual_kinds(shelved.records)
    if variants is not None:
        kinds = kinds_named(variants.split(","), shelved.kinds)
    shapes = [shelved.kinds[kind] for kind in kinds]
    found = (fullest(shelved.records, shapes, mode) for mode in MODES)
    terms = asked or next((terms for terms in found if terms is not None), USUAL[MODES[0]])
    machines = machines_there(shelved.records)
    where = machine_named(machine, machines) if machine is not None else next(iter(machines), "")
    return shelved.scorecard(kinds, terms, where)


def _print(card: Scorecard) -> None:
    OUT.print(answer(card) + "\n", markup=False)
    table = Table("", *(escape(kind.kind) for kind in card.kinds), show_lines=True)
    for heading, cells in _lines(card):
        table.add_row(escape(heading), *map(escape, cells))
    OUT.print(table)
    OUT.print(KEY, markup=False)
    for question in card.questions:
        if question.basis is not None:
            OUT.print(
                f"{question.experiment.title}: {basis_in_words(question.basis)}", markup=False
            )


def _lines(card: Scorecard) -> Iterator[tuple[str, Sequence[str]]]:
    for question in card.questions:
        for line in question.lines:
            heading = f"{question.experiment.title}: {line.column.heading}"
            yield heading, [_cell(line, kind.kind) for kind in card.kinds]
        if not question.lines:
            yield question.experiment.title, [NOT_YET] * len(card.kinds)


def _cell(line: Line, kind: str) -> str:
    cell = line.cells.get(kind)
    if cell is None:
        return NOT_YET
    value = " ".join(filter(None, [value_of(cell), MARKS.get(line.marks.get(kind, ""), "")]))
    return "\n".join(filter(None, [value, interval_of(cell), repeats_of(cell)]))
