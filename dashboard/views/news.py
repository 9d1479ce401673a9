"""What is new in a store since yesterday, and what to measure next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from core.analysis.comparison import Comparison
from core.analysis.more_seeds import undecided
from core.analysis.sentences import lower_title
from core.chapter import CLAIMS
from core.chapter.claim import Claim, key_of
from core.experiment import Experiment
from core.experiments import experiment_named
from core.formatting import counted, inline_text
from core.store.records import ACTIVE, RunRecord, Status
from dashboard.navigation import CHAPTER, LAUNCH, Page, launching, page_of

DAY = 24 * 3600.0

MAX_PEOPLE = 3
"""The most people who are named with their number of runs."""


def since_yesterday(runs: Sequence[RunRecord], now: float) -> dict[Status, list[RunRecord]]:
    """The runs that ended within the last 24 hours, by how they ended."""
    ended: dict[Status, list[RunRecord]] = {}
    for run in runs:
        if run.ended is not None and run.ended > now - DAY:
            ended.setdefault(run.status, []).append(run)
    return ended


def people_in_words(runs: Sequence[RunRecord]) -> str:
    """`ana 12, ben 3`: who launched how many of these runs; empty where that is not known."""
    counts = Counter(run.user for run in runs if run.user).most_common()
    if len(counts) == 1:
        return inline_text(counts[0][0])
    named = [f"{inline_text(user)} {number:,}" for user, number in counts[:MAX_PEOPLE]]
    return ", ".join([*named, *(["others"] if len(counts) > MAX_PEOPLE else [])])


@dataclass(frozen=True)
class Step:
    """What to do next, and where."""

    text: str
    label: str
    page: Page
    query: Mapping[str, str | Sequence[str]] = field(default_factory=dict)


def next_step(
    answers: Sequence[tuple[Experiment, Comparison | None]],
    open_claims: Sequence[Claim],
    *,
    active: Collection[str] = (),
) -> Step | None:
    """The first of these that is left: a question without an answer, an answer with too few seeds
    for a verdict, a claim of the chapter without its runs. None when all is measured.

    `answers` has the headline comparison of every experiment; of the `active` ones runs are queued
    or running, so their answers are on their way.
    """
    answers = [(experiment, of) for experiment, of in answers if experiment.name not in active]
    for experiment, comparison in answers:
        if comparison is None or not comparison.groups:
            text = f"Not answered yet: {experiment.question}"
            return Step(text, "Launch it", LAUNCH, launching(experiment.name))
    for experiment, comparison in answers:
        page = page_of(experiment.name)
        few = [] if comparison is None else undecided(comparison)
        needed = max((d.seeds_needed or 0 for d in few), default=0)
        if comparison is not None and comparison.headline and needed and page is not None:
            noun = "launch" if comparison.repeat == "launch" else "seed"
            measure = lower_title(comparison.headline.column)
            text = f"{experiment.title}: {counted(needed, noun)} each are needed to rank {measure}."
            return Step(text, f"Open {page.title}", page)
    if open_claims:
        first, *others = open_claims
        what = f"Claim {first.number} of the chapter is not measured yet"
        more = f", nor {'are' if others[1:] else 'is'} {counted(len(others), 'other')}"
        query = {"claim": str(first.number)}
        return Step(f"{what}{more if others else ''}.", "Open the chapter", CHAPTER, query)
    return None


def unmeasured(runs: Sequence[RunRecord]) -> list[Claim]:
    """The claims of the chapter of which a kind of run is neither finished nor on its way."""
    made = {
        (run.experiment, key_of(experiment_named(run.experiment), run.settings))
        for run in runs
        if run.status in ("FINISHED", *ACTIVE)
    }
    return [
        claim
        for claim in CLAIMS
        if any((m.experiment.name, key) not in made for m in claim.measurements for key in m.kinds)
    ]
