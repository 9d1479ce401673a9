"""The commands that compare variants on every question: the scorecard, and the choice."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence

from core.analysis.choice import Choice
from core.analysis.choice import choose as choose_layer
from core.analysis.limits import (
    NEEDS,
    find_measure,
    flag_dest,
    limitable,
    parse_limits,
    usual_sign,
)
from core.analysis.scorecard import (
    DEFAULT_TERMS,
    MODES,
    Scorecard,
    available_machines,
    default_kinds,
    fullest_terms,
    parse_terms,
)
from core.chapter.claim import Verdict
from core.experiment import COMPARED_AT
from core.formatting import counted, listed
from core.settings import BadSetting
from core.store.records import RunRecord
from core.store.tracking import Store, open_store
from experiments import choices, scorecards
from experiments.reports.html import scorecard_report
from experiments.terminal import print_choice, print_scorecard, say, write

SCORECARD_FORMATS: Mapping[str, Callable[[Scorecard, Verdict, Mapping[str, RunRecord]], bytes]] = {
    "csv": lambda card, properties, runs: scorecards.csv(card),
    "json": lambda card, properties, runs: scorecards.as_json(card, properties),
    "latex": lambda card, properties, runs: scorecards.latex(card),
    "html": lambda card, properties, runs: scorecard_report(card, properties, runs).encode(),
}

CHOICE_FORMATS: Mapping[str, Callable[[Choice], bytes]] = {
    "csv": choices.csv,
    "json": choices.as_json,
}


def scorecard(args: argparse.Namespace) -> int:
    """`scorecard`: compare on equal terms, and print the commands for what is missing."""
    card, snapshot = _scorecard(open_store(), args, args.limit)
    if args.format == "table":
        print_scorecard(card)
    else:
        content = SCORECARD_FORMATS[args.format](card, snapshot.properties, snapshot.runs)
        write(content, args.output)
    for question in card.questions:
        for launch in scorecards.launches(question.experiment, question.missing):
            say(f"not measured yet: {launch.command}")
        if question.imported:
            title = question.experiment.title
            say(f"{title} was measured on another computer; what is missing, measure there")
    return 0


def choose(args: argparse.Namespace) -> int:
    """`choose`: the answer first, then the evidence, then the launch that would decide the rest."""
    limits = [*args.limit, *(name for name in NEEDS if getattr(args, flag_dest(name)))]
    for name, column in limitable().items():
        if (amount := getattr(args, flag_dest(name))) is not None:
            limits.append(f"{name}{usual_sign(column)}{amount}")
    axes = [_axis(args.quality, "quality", ">="), _axis(args.against, "against", "<=")]
    store = open_store()
    card, _ = _scorecard(store, args, limits)
    choice = choose_layer(card, *axes)
    if args.format == "table":
        print_choice(choice)
    else:
        write(CHOICE_FORMATS[args.format](choice), args.output)
    if choice.proposal is not None:
        active = choices.active_among(choice.proposal, store.active())
        if active:
            say(f"{counted(len(active), 'run')} of this launch queued or running already")
    return 0


def _axis(text: str, flag: str, sign: str) -> str:
    """The measure that layers are weighed by; `BadSetting` for one of the other kind."""
    if not text:
        return ""
    columns = limitable()
    known = [name for name, column in columns.items() if usual_sign(column) == sign]
    name = find_measure(text, f"{flag} is")
    if name not in known:
        kind = "quality" if sign == ">=" else "cost"
        raise BadSetting(f"{flag} is {name}, which is no {kind}; choose from {listed(known)}")
    return name


def _scorecard(
    store: Store, args: argparse.Namespace, limits: Sequence[str]
) -> tuple[Scorecard, scorecards.ScorecardSnapshot]:
    """The scorecard that the options of `scorecard` and `choose` ask for."""
    given = [(name, getattr(args, name)) for name in COMPARED_AT.values()]
    terms = next((parse_terms(name, text) for name, text in given if text is not None), None)
    asked = parse_limits(limits)
    index = scorecards.ScorecardIndex(store.table)
    snapshot = index.at(store.runs(archived=False))
    kinds = default_kinds(snapshot.records)
    if args.variants is not None:
        kinds = scorecards.find_kinds(args.variants.split(","), snapshot.kinds)
    if terms is None:
        shapes = [snapshot.kinds[kind] for kind in kinds]
        measured = (fullest_terms(snapshot.records, shapes, mode) for mode in MODES)
        terms = next((terms for terms in measured if terms is not None), DEFAULT_TERMS[MODES[0]])
    device = args.device or ""
    machines = available_machines(snapshot.records, device)
    machine = next(iter(machines), "")
    if args.machine is not None:
        machine = scorecards.find_machine(args.machine, machines)
    return snapshot.scorecard(kinds, terms, machine, asked, device=device), snapshot
