"""Claims of published papers, measured here at the size that two cores allow.

    results = Results(runs, table)
    for paper in PAPERS:
        verdict = paper.verdict(results)
        REPRODUCTION[verdict.outcome], verdict.parts

A `Paper` names its source, what was published with which set-up, what is measured here and how this
differs. Its `expectations` are judged by comparisons of finished runs: verdicts come from the same
`Results` and `Verdict` as those of the chapter's claims. Half of the runs are those of the
chapter's suite; the suite `papers` has the others too.
"""

from __future__ import annotations

from core.papers.gradients import BENGIO
from core.papers.memory import ARJOVSKY, CHUNG, GREFF, HOCHREITER, JOZEFOWICZ, LE, PASCANU
from core.papers.paper import REPRODUCTION, REPRODUCTION_VERBS, Expectation, Paper
from core.papers.translation import BAHDANAU, CHO, SUTSKEVER

__all__ = ["PAPERS", "REPRODUCTION", "REPRODUCTION_VERBS", "Expectation", "Paper", "paper_named"]

PAPERS: tuple[Paper, ...] = (
    BENGIO,
    HOCHREITER,
    PASCANU,
    CHO,
    CHUNG,
    SUTSKEVER,
    BAHDANAU,
    JOZEFOWICZ,
    LE,
    ARJOVSKY,
    GREFF,
)
"""The oldest first."""


def paper_named(name: str) -> Paper:
    """The paper of that name; KeyError if there is none."""
    return {paper.name: paper for paper in PAPERS}[name]
