"""What can a scorecard of these runs be asked for, and what does it show if nobody asks?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from core.architecture import Architecture
from core.experiments import EXPERIMENTS
from core.scorecard.basis import Record
from core.scorecard.kinds import PLAIN
from core.scorecard.terms import Terms

MODES = ("Equal width", "Equal parameters")
USUAL: Mapping[str, Terms] = {
    MODES[0]: Terms(hidden_size=64),
    MODES[1]: Terms(parameter_budget=100_000),
}
"""Asked for while nothing is measured in that mode."""
TIMED = frozenset(experiment.name for experiment in EXPERIMENTS if experiment.timed)


def terms_there(records: Iterable[Record], mode: str) -> list[Terms]:
    """Every width, or every budget, at which something was measured, in rising order."""
    found = {run.terms for run in records if run.terms is not None and run.kind}
    if mode == MODES[0]:
        widths = sorted(t.hidden_size for t in found if t.hidden_size is not None)
        return [Terms(hidden_size=width) for width in widths]
    budgets = sorted(t.parameter_budget for t in found if t.parameter_budget is not None)
    return [Terms(parameter_budget=budget) for budget in budgets]


def fullest(records: Iterable[Record], kinds: Sequence[Architecture], mode: str) -> Terms | None:
    """The terms on which most questions have an answer; of equals those on which most is measured,
    then those of the newest run. None where nothing is measured in this mode."""
    names = {kind.kind for kind in kinds}
    questions: dict[Terms, set[str]] = {}
    cells: dict[Terms, set[tuple[str, str]]] = {}
    newest: dict[Terms, int] = {}
    for index, run in enumerate(records):
        if run.terms is not None and run.kind in names:
            questions.setdefault(run.terms, set()).add(run.experiment)
            cells.setdefault(run.terms, set()).add((run.experiment, run.kind))
            newest[run.terms] = index
    there = [t for t in questions if (t.hidden_size is not None) == (mode == MODES[0])]
    return max(there, key=lambda t: (len(questions[t]), len(cells[t]), newest[t]), default=None)


def kinds_there(records: Iterable[Record]) -> dict[str, Architecture]:
    """The six variants, then whatever else was measured, in the order of the cells."""
    order = list(PLAIN.values())
    found = {run.kind: run.architecture for run in records if run.architecture is not None}
    others = {kind: architecture for kind, architecture in found.items() if kind not in PLAIN}
    cells = [kind.variant for kind in order]
    ranked = sorted(others.items(), key=lambda item: (cells.index(item[1].variant), item[0]))
    return {**PLAIN, **dict(ranked)}


def usual_kinds(records: Iterable[Record]) -> list[str]:
    """The three cells; the six variants once there is a run of a bidirectional one."""
    both = any(run.architecture and run.architecture.bidirectional for run in records)
    return [kind for kind, shape in PLAIN.items() if both or not shape.bidirectional]


def machines_there(records: Sequence[Record]) -> list[str]:
    """Where times were measured, the machine of the newest run first."""
    timed = (run.machine for run in reversed(records) if run.experiment in TIMED)
    return list(dict.fromkeys(timed))
