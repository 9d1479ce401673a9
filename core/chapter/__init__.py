"""Which of the chapter's fifteen claims hold here, and which of seven on what came after it?

Every verdict is computed from finished runs:

    results = Results(runs, table, computed)
    for claim in CLAIMS:
        verdict = claim.verdict(results)

- `Claim`: title, statement, method, the `Question` to guess at first, and `configs()`, the runs
  that measure it (`measurements` has them as parts: experiment, variants, settings, preset);
  `missing(results)` are those without a finished run.
- `Results`: `runs` maps an experiment's name to a table of its finished runs, oldest first (run_id,
  flat settings, flat summary); `table(run_id, name)` reads what else a run recorded; `computed` is
  what `compute_all()` returned. All have an empty default.
- `Verdict`: outcome, condition, figure (the measured numbers in words), answer (to the question),
  evidence (run ids), numbers (estimates by name), and for claim 9 a table.
- `EXERCISES`: the chapter's three, each with its claim and the runs to start.
- `QUIZ`: `question.answer(verdict_of_its_claim)` is the right choice with the numbers that decide.

Nothing here imports torch but `compute_all()` and `claim.compute()` when they are called. A store
may be large: `claims_measured_by(experiment, settings)` says which runs are worth reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.chapter.basics import HUNDRED_STEPS, JACOBIAN, ONE_CELL
from core.chapter.claim import (
    Claim,
    Facts,
    Measurement,
    Outcome,
    PropertyRow,
    Question,
    Results,
    Verdict,
)
from core.chapter.cost import LINEAR, PROPERTIES, WIDTH
from core.chapter.gradients import GATES, LAYERS, RATIO, SINGULAR_VALUES
from core.chapter.memory import CLIPPING, STRUGGLE
from core.chapter.quiz import EXERCISES, QUIZ, Answer, Exercise, QuizQuestion
from core.chapter.sequences import ATTENTION_REPAIRS, SHAPES, SIDES
from core.chapter.successors import (
    AT_ONCE,
    ATTENTION_GRADIENT,
    ATTENTION_SQUARES,
    LINEAR_GRADIENT,
    MIN_GRU,
    PAIRS_APART,
    STATE_FOLLOWED,
)
from core.experiment import Experiment

__all__ = [
    "CHAPTERS",
    "CLAIMS",
    "EXERCISES",
    "QUIZ",
    "RECURRENCE",
    "SUCCESSORS",
    "Answer",
    "Claim",
    "Exercise",
    "Measurement",
    "Outcome",
    "PropertyRow",
    "Question",
    "QuizQuestion",
    "Results",
    "Verdict",
    "claims_measured_by",
    "compute_all",
]

RECURRENCE: tuple[Claim, ...] = (
    ONE_CELL,
    JACOBIAN,
    HUNDRED_STEPS,
    RATIO,
    SINGULAR_VALUES,
    CLIPPING,
    STRUGGLE,
    GATES,
    PROPERTIES,
    WIDTH,
    LAYERS,
    SIDES,
    ATTENTION_REPAIRS,
    LINEAR,
    SHAPES,
)
"""The chapter's, in its order."""

SUCCESSORS: tuple[Claim, ...] = (
    ATTENTION_SQUARES,
    AT_ONCE,
    ATTENTION_GRADIENT,
    PAIRS_APART,
    LINEAR_GRADIENT,
    MIN_GRU,
    STATE_FOLLOWED,
)
"""The second chapter's."""

CHAPTERS: Mapping[str, tuple[Claim, ...]] = {
    "Recurrent networks and their limits": RECURRENCE,
    "Why did attention win, and what came back?": SUCCESSORS,
}

CLAIMS = tuple(claim for claims in CHAPTERS.values() for claim in claims)


def claims_measured_by(experiment: Experiment, settings: Mapping[str, Any]) -> tuple[Claim, ...]:
    """The claims that a run of these flat settings is evidence for."""
    return tuple(
        claim
        for claim in CLAIMS
        if any(m.experiment is experiment and m.includes(settings) for m in claim.measurements)
    )


def compute_all() -> dict[int, Facts]:
    """Claim number → what it computes on the spot, for JSON; takes a second with torch's import."""
    return {claim.number: claim.compute() for claim in CLAIMS if claim.compute is not None}
