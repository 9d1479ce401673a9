"""A choice on the command line and in files: its rows, its launch, and what is on its way."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import pandas

from core.analysis.choice import Choice, Proposal
from core.analysis.choice_sentences import (
    choice_answer,
    open_questions,
    place_of,
    proposal_in_words,
    rests_on,
)
from core.store.records import ACTIVE, RunRecord
from experiments.export import EXPORT_FORMATS
from experiments.queue import run_key
from experiments.scorecards import Launch, launches

ID_LETTERS = 8
"""Of a run that a command line names."""


def active_among(proposal: Proposal, runs: Iterable[RunRecord]) -> list[RunRecord]:
    """The runs of a proposal that are queued or running."""
    wanted = {run_key(e.name, config.flat()) for e, config, _ in proposal.plan}
    return [r for r in runs if r.status in ACTIVE and run_key(r.experiment, r.settings) in wanted]


def launches_of(proposal: Proposal | None) -> list[Launch]:
    """The launches that make the runs of a proposal: one, if all of its kinds are asked alike."""
    return [] if proposal is None else launches(proposal.experiment, proposal.configs)


def ordered(choice: Choice) -> list[str]:
    """Every kind, the recommended ones first, then by how well each fits."""
    kinds = [kind.kind for kind in choice.card.kinds]
    fits = ("fits", "not decided", "not measured", "does not fit")
    first = {kind: place for place, kind in enumerate(choice.recommended)}
    return sorted(kinds, key=lambda k: (first.get(k, len(kinds)), fits.index(choice.card.fits[k])))


def rows(choice: Choice) -> pandas.DataFrame:
    """One row per kind: its place, and every value that it is judged by, in full precision."""
    card = choice.card
    made: list[dict[str, Any]] = []
    for kind in ordered(choice):
        row: dict[str, Any] = {
            "variant": kind,
            "terms": card.terms.in_words,
            "recommended": kind in choice.recommended,
            "surely": choice.is_sure(kind),
            "fit": card.fits[kind],
            "place": place_of(choice, kind),
            "beaten_by": " and ".join(choice.beaten.get(kind, ())),
            "may_be_beaten_by": " and ".join(choice.rivals.get(kind, ())),
        }
        runs: dict[str, None] = {}
        for name in choice.measures:
            cell = card.lines[name].cells.get(kind)
            estimate = cell.estimate if cell else None
            row |= {
                name: estimate.value if estimate else None,
                f"{name}_low": estimate.low if estimate else None,
                f"{name}_high": estimate.high if estimate else None,
                f"{name}_n": estimate.n if estimate else None,
            }
            runs |= dict.fromkeys(cell.runs if cell else ())
        made.append({**row, "runs": " ".join(runs)})
    return pandas.DataFrame(made, dtype=object)


def csv(choice: Choice) -> bytes:
    """One line per kind."""
    return EXPORT_FORMATS["csv"](rows(choice))


def as_json(choice: Choice) -> bytes:
    """The answer, the rows, what each limit forbids, the runs, and the launch that would decide."""
    card, proposal = choice.card, choice.proposal
    content = {
        "answer": choice_answer(choice),
        "recommended": choice.recommended,
        "terms": dict(card.terms.settings),
        "machine": card.machine,
        "device": card.device,
        "quality": choice.quality.name if choice.quality else None,
        "cost": choice.cost.name if choice.cost else None,
        "variants": json.loads(EXPORT_FORMATS["json"](rows(choice))),
        "limits": [
            {
                "limit": str(limit),
                "in_words": limit.in_words,
                "variants": {
                    kind: {"fit": finding.fit, "reason": finding.reason}
                    for kind, findings in card.findings.items()
                    for finding in findings
                    if finding.limit == limit
                },
            }
            for limit in card.limits
        ],
        "open": open_questions(choice),
        "evidence": {name: list(ids) for name, ids in choice.evidence.items()},
        "rests_on": rests_on(choice),
        "proposal": proposal
        and {
            "sentence": proposal_in_words(choice),
            "why": proposal.why,
            "experiment": proposal.experiment.name,
            "measures": proposal.measures,
            "variants": proposal.kinds,
            "runs": len(proposal.plan),
            "commands": commands(choice),
        },
    }
    return (json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode()


def commands(choice: Choice) -> Sequence[str]:
    """The command lines that make exactly the proposed runs. Where they repeat others and cost no
    further look, none does: `compare` counts every look."""
    proposal = choice.proposal
    if proposal is None or proposal.repeated is None:
        return [launch.command for launch in launches_of(proposal)]
    runs = proposal.repeated.runs
    if proposal.looks != 1 + max(run.looks for run in runs):
        return []
    ids = " ".join(run.run_id[:ID_LETTERS] for run in runs)
    return [f"python -m experiments compare {ids} --add-seeds {proposal.repeats}"]
