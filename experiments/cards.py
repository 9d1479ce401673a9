"""The report card of a cell: every question, at equal parameters, beside RNN, LSTM and GRU.

A card is a suite of runs and the scorecard of them: nothing on it is computed in another way than
on any other page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from core.analysis.comparison import OPPOSITE, Difference, PairOutcome
from core.analysis.scorecard import (
    MeasureLine,
    QuestionCard,
    Scorecard,
    Terms,
    available_machines,
    parse_terms,
)
from core.chapter import Measurement
from core.experiment import Experiment
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.language_model import LANGUAGE_MODEL
from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.memory_span import MEMORY_SPAN
from core.experiments.parameter_count import PARAMETER_COUNT
from core.experiments.recall import RECALL
from core.experiments.state_tracking import STATE_TRACKING
from core.experiments.throughput import THROUGHPUT
from core.experiments.two_sided_context import TWO_SIDED_CONTEXT
from core.formatting import counted, listed
from core.models.architecture import Architecture
from core.models.registry import USUAL_CELLS, cell_kind, variant_settings
from core.settings import BadSetting, shown
from experiments.scorecards import ScorecardSnapshot
from experiments.suites import CARD_GRADIENT, SMALL_TRANSLATOR, Suite

SETTINGS: Sequence[tuple[Experiment, Mapping[str, tuple[object, ...]]]] = (
    (GRADIENT_DECAY, CARD_GRADIENT),
    (PARAMETER_COUNT, {}),
    (
        MEMORY_SPAN,
        {
            "training_steps": (300,),
            "longest_lag": (10,),
            "learning_rate": (0.01,),
        },
    ),
    (TWO_SIDED_CONTEXT, {"furthest": (2,), "sequence_length": (16,), "training_steps": (150,)}),
    (
        STATE_TRACKING,
        {"training_steps": (400,), "learning_rate": (0.01,), "longest_tested": (128,)},
    ),
    (RECALL, {"training_steps": (500,), "learning_rate": (0.01,)}),
    (LANGUAGE_MODEL, {"training_steps": (300,), "learning_rate": (0.003,)}),
    (LENGTH_QUALITY, {**SMALL_TRANSLATOR, "seeds": (5,)}),
    (
        THROUGHPUT,
        {
            "launches": (3,),
            "repetitions": (4,),
            "streamed_tokens": (100,),
            "sequence_length": (128,),
            "shortest_length": (32,),
            "packed": (False,),
        },
    ),
)
"""How each question is asked: so that four cells answer all of them within ten minutes. What is
timed comes last, because it waits until the machine is idle."""


BETTER, WORSE = "better than", "worse than"

FINDINGS: Mapping[PairOutcome, str] = {
    "better": BETTER,
    "worse": WORSE,
    "equal": "equal to",
    "equal within the margin": "equal within the margin to",
    "not distinguishable": "not distinguishable from",
    "not enough seeds": "not enough seeds beside",
}


def card_suite(cell: str, parameters: int) -> Suite:
    """The runs of a card."""
    cells = (*(usual for usual in USUAL_CELLS if usual != cell), cell)
    budget = {"parameter_budget": (parameters,)}
    return Suite(
        f"card-{cell.replace('@', '-')}-{parameters}",
        f"Report card of {cell}",
        "Every question at equal parameters, beside the usual cells.",
        tuple(
            Measurement(experiment.name, experiment, cells, {**settings, **budget})
            for experiment, settings in SETTINGS
        ),
    )


@dataclass(frozen=True)
class Card:
    """A cell beside the usual ones, as far as it is measured."""

    kind: str
    """The cell as the scorecard's columns call it: `Leaky RNN (3f2a)`."""
    scorecard: Scorecard
    abilities: str
    """`Leaky RNN (3f2a) feeds its state back, takes one step at a time and has no kernel.`"""

    @property
    def answer(self) -> str:
        """`At a budget of 50,000 parameters, Leaky RNN (3f2a) is better than the others in halving
        distance and worse than the others in latency (of 11 measures).`
        """
        lines = [line for q in self.scorecard.questions for line in q.lines if self._judges(line)]
        measured = any(q.basis is not None for q in self.scorecard.questions)
        if not lines or not measured:
            return f"{self.kind} is not measured at {self.scorecard.terms.in_words} yet."
        others = len(self.scorecard.kinds) - 1
        told_against_all = ((line, [*self._findings(line)]) for line in lines)
        findings = {line.column.title: f for line, f in told_against_all if len(f) == others}
        best = [title for title, found in findings.items() if {w for w, _ in found} == {BETTER}]
        worst = [title for title, found in findings.items() if {w for w, _ in found} == {WORSE}]
        parts = [
            f"{word} than the others in {listed([title.lower() for title in titles])}"
            for word, titles in (("better", best), ("worse", worst))
            if titles
        ]
        told = listed(parts) if parts else "neither better nor worse than all others in any measure"
        measures = counted(len(lines), "measure")
        return f"At {self.scorecard.terms.in_words}, {self.kind} is {told} (of {measures})."

    @property
    def sentences(self) -> list[tuple[QuestionCard, list[str]]]:
        """Each question → how the cell does on each of its measures."""
        return [
            (question, [s for line in question.lines for s in self._of_line(line)])
            for question in self.scorecard.questions
        ]

    def _of_line(self, line: MeasureLine) -> Iterator[str]:
        """`Halving distance: better than RNN; not distinguishable from LSTM and GRU.`"""
        if not self._judges(line):
            return
        by_finding: dict[str, list[str]] = {}
        for words, other in self._findings(line):
            by_finding.setdefault(words, []).append(other)
        parts = [f"{words} {listed(others)}" for words, others in by_finding.items()]
        if parts:
            yield f"{line.column.title}: {'; '.join(parts)}."

    def _judges(self, line: MeasureLine) -> bool:
        return not line.fixed and bool(line.column.better) and self.kind in line.cells

    def _findings(self, line: MeasureLine) -> Iterator[tuple[str, str]]:
        """What is said of the cell and each other one."""
        for difference in line.differences:
            if self.kind in (difference.first, difference.second):
                yield self._finding(difference)

    def _finding(self, difference: Difference) -> tuple[str, str]:
        """What the test says of the cell against the other one."""
        if difference.first == self.kind:
            finding, other = difference.finding, difference.second
        else:
            finding = OPPOSITE.get(difference.finding, difference.finding)
            other = difference.first
        return FINDINGS.get(finding, finding), other


def card_of(snapshot: ScorecardSnapshot, cell: str, parameters: int) -> Card:
    """The card of a cell, from the finished runs of a store."""
    columns = [Architecture(cell=name) for name in dict.fromkeys((*USUAL_CELLS, cell))]
    kinds = {architecture.kind: architecture for architecture in columns}
    machine = next(iter(available_machines(snapshot.records)), "")
    terms = Terms(parameter_budget=parameters)
    scorecard = snapshot.scorecard(list(kinds), terms, machine, unmeasured=kinds)
    kind = Architecture(cell=cell).kind
    return Card(kind, scorecard, f"{kind} {listed([*cell_kind(cell).abilities])}.")


def cell_named(text: str) -> str:
    """The full name of a cell; `BadSetting` if there is none of that name."""
    settings = variant_settings(text)
    if settings is None or settings["bidirectional"]:
        raise BadSetting(
            f"cell is {shown(text)}; give a Python file with a cell, or the name of one, such as "
            "min-gru"
        )
    return str(settings["cell"])


def parameters_of(text: str) -> int:
    """The number of parameters that a text means: `20k`."""
    return int(parse_terms("parameter_budget", text).parameter_budget or 0)
