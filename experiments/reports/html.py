"""Reports as single HTML files that open offline: a comparison, a scorecard, chapter, papers.

They load nothing and run nothing, and what people typed stays text: the templates escape it.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from core.analysis.comparison import Comparison, Result
from core.analysis.scorecard import Scorecard
from core.analysis.scorecard_sentences import (
    KEY,
    NOT_YET,
    absence,
    basis_in_words,
    fit_text,
    scorecard_answer,
    standing,
)
from core.analysis.sentences import MARKS, answer, method, repeats_in_words, verdict
from core.analysis.sizes import sizes_in_words, sizes_of
from core.chapter import CLAIMS
from core.chapter.claim import Facts, Verdict
from core.chapter.quiz import EXERCISES, QUIZ
from core.formatting import counted, exact_number, inline_text, interval, listed
from core.measure import scoring
from core.papers import PAPERS, REPRODUCTION, REPRODUCTION_VERBS
from core.stats.estimates import Estimate
from core.store.folder import PROJECT
from core.store.records import RunRecord
from core.store.tracking import Store, command_line
from experiments.cards import Card
from experiments.evidence import AGREEMENT, ClaimStatus, Evidence, capitalize, headline, needed_by
from experiments.export import VERSIONS, reproduction
from experiments.scorecards import cell_texts, launches

MAX_PAIRS = 200
"""Verdicts that a page lists of one measure."""

MAX_NAME_LENGTH = 300
"""Letters of a run's name in a list of runs; JSON has all of it."""


Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Figure:
    """A drawing and what a screen reader says of it."""

    svg: Markup
    description: str


def comparison_report(
    comparisons: Sequence[Comparison], drawings: Mapping[str, Sequence[str]] | None = None
) -> str:
    """Runs side by side: the answers, then their evidence.

    `drawings` has further SVG by experiment, which is taken as it is.
    """
    charts = {
        c.experiment.name: (c.headline.column.heading, c.headline.estimates)
        for c in comparisons
        if c.headline is not None
    }
    return _render(
        "comparison.html.j2",
        title=f"{listed([c.experiment.title for c in comparisons])}: runs side by side",
        written=_now(),
        run_count=sum(len(comparison.runs) for comparison in comparisons),
        comparisons=comparisons,
        figures=draw_figures(charts),
        drawings=drawings or {},
        sizes=lambda c: sizes_in_words(c.experiment, sizes_of(c.experiment, c.groups)),
        cell_lines=_cell_lines,
        max_pairs=MAX_PAIRS,
        answer=answer,
        method=method,
        verdict=verdict,
        names=lambda runs: listed([inline_text(run.name) for run in runs]),
    )


def _cell_lines(comparison: Comparison, result: Result, group: str) -> list[str]:
    """Value, interval, repeats and mark of a group; empty if nothing is measured."""
    estimate = result.estimates[group]
    if estimate.value is None:
        return []
    lines = [
        exact_number(estimate.value),
        interval(estimate),
        repeats_in_words(result, group, comparison.repeat),
        MARKS[result.marks.get(group, "")],
    ]
    return [line for line in lines if line]


def scorecard_report(
    card: Scorecard,
    properties: Verdict | None,
    runs: Mapping[str, RunRecord],
    of_cell: Card | None = None,
) -> str:
    """The answer, the table, and every question with its verdicts and runs; as the report card of a
    cell, first how that cell does on each."""
    charts = {
        (question.experiment.name, line.column.name): (
            line.column.heading,
            {kind: cell.estimate for kind, cell in line.cells.items()},
        )
        for question in card.questions
        for line in question.lines
        if not line.fixed
    }
    return _render(
        "scorecard.html.j2",
        title=f"Report card: {of_cell.kind}" if of_cell else "Scorecard",
        written=_now(),
        card=card,
        of_cell=of_cell.sentences if of_cell else [],
        of_cell_answer=f"{of_cell.answer} {of_cell.abilities}" if of_cell else "",
        answer=scorecard_answer(card),
        key=KEY,
        not_yet=NOT_YET,
        properties=properties,
        figures=draw_figures(charts),
        finished=lambda run_ids: [runs[run_id] for run_id in run_ids if run_id in runs],
        absence=absence,
        basis_in_words=basis_in_words,
        cell_texts=cell_texts,
        fit_text=fit_text,
        launches=launches,
        sizes=lambda q: sizes_in_words(q.experiment, q.sizes_of_columns),
        standing=standing,
    )


def score_report(scores: scoring.Scores) -> str:
    """Files of hypotheses: the answer, a figure, scores and comparisons overall and by length."""
    titles = scores.options.titles
    charts = {
        score: (title, {one.name: one.of(score) for one in scores.overall.systems})
        for score, title in titles.items()
    }
    return _render(
        "scores.html.j2",
        title="Files of translations, scored by length",
        written=_now(),
        scores=scores,
        titles=titles,
        figures=draw_figures(charts),
        answer=scoring.answer,
        method=scoring.method(scores),
        words=lambda place: scoring.bucket_in_words(place, scores.options),
        cell=_estimate_cell,
        wins=scoring.wins_in_words,
        p_in_words=scoring.p_in_words,
    )


def _estimate_cell(estimate: Estimate) -> str:
    """`27.6 (26.1–29.1)`."""
    ends = interval(estimate)
    return f"{exact_number(estimate.value)} ({ends})" if ends else exact_number(estimate.value)


def chapter_report(store: Store, computed: Mapping[int, Facts]) -> str:
    """The chapter's claims, exercises and quiz, judged by the runs of a store."""
    evidence = Evidence(store.table)
    judged = evidence.judge(store.runs(archived=False), computed)
    claims = []
    for claim in CLAIMS:
        judgement = judged.verdicts[claim.number]
        claims.append(
            {
                "number": claim.number,
                "claim": claim,
                "verdict": judgement,
                "outcome": capitalize(judgement.outcome),
                "colour": _colour(judgement),
                "runs": [judged.runs[i] for i in judgement.evidence if i in judged.runs],
                "commands": [command_line(*p) for p in needed_by([claim], judged).to_start],
            }
        )
    return _render(
        "chapter.html.j2",
        title="What the chapter claims, and what was measured",
        headline=headline(judged.verdicts.values()),
        written=_circumstances(judged),
        claims=claims,
        verdicts=judged.verdicts,
        exercises=EXERCISES,
        quiz=QUIZ,
    )


def papers_report(judged: ClaimStatus) -> str:
    """What papers found beside what was measured here, judged by the runs of a store."""
    cards = []
    for paper in PAPERS:
        judgement = judged.verdicts[paper.name]
        cards.append(
            {
                "paper": paper,
                "verdict": judgement,
                "outcome": capitalize(REPRODUCTION[judgement.outcome]),
                "colour": _colour(judgement),
                "runs": [judged.runs[i] for i in judgement.evidence if i in judged.runs],
                "commands": [command_line(*p) for p in needed_by([paper], judged).to_start],
            }
        )
    return _render(
        "papers.html.j2",
        title="Published claims, measured here",
        headline=headline(judged.verdicts.values(), "paper", REPRODUCTION_VERBS),
        written=_circumstances(judged),
        cards=cards,
        agreement_words={True: "as published", False: "not as published", None: "undecided"},
    )


def _colour(judgement: Verdict) -> str:
    """The style sheet's class for an outcome."""
    known = judgement.outcome in ("holds", "partly", "does not hold")
    return judgement.outcome.replace(" ", "-") if known else "open"


def _circumstances(judged: ClaimStatus) -> str:
    """When the report was written, with what, and on what the runs were measured."""
    packages = ("torch", "mlflow", "numpy", "pandas")
    here = listed([f"{name} {metadata.version(name)}" for name in packages])
    text = f"Written {_now()} with {here}, from {counted(len(judged.runs), 'run')}"
    versions = []
    for tag, title in VERSIONS.items():
        seen = {inline_text(run.tags[tag]) for run in judged.runs.values() if run.tags.get(tag)}
        if seen and title not in ("host", "python"):
            versions.append(f"{title} {listed(sorted(seen))}")
    return f"{text} measured on {', '.join(versions)}." if versions else f"{text}."


def draw_figures(charts: Mapping[Key, tuple[str, Mapping[str, Estimate]]]) -> dict[Key, Figure]:
    """Draw a figure for each key's heading and estimates, if any value is finite."""
    requests: dict[Key, dict[str, Any]] = {}
    for key, (heading, estimates) in charts.items():
        rows: list[dict[str, Any]] = []
        for name, estimate in estimates.items():
            if estimate.value is not None:
                ends = interval(estimate)
                text = exact_number(estimate.value) + (f" ({ends})" if ends else "")
                numbers = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
                rows.append({"name": name, "text": text, **numbers})
        values = (row[end] for row in rows for end in ("value", "low", "high"))
        if any(value is not None and math.isfinite(value) for value in values):
            requests[key] = {"heading": heading, "rows": rows}
    if not requests:
        return {}
    done = subprocess.run(
        [sys.executable, "-m", "experiments.reports.charts"],
        input=json.dumps(list(requests.values())).encode(),
        stdout=subprocess.PIPE,
        cwd=PROJECT,
        timeout=60,
        check=True,
    )
    figures = {}
    for (key, request), svg in zip(requests.items(), json.loads(done.stdout), strict=True):
        lines = "; ".join(f"{row['name']}: {row['text']}" for row in request["rows"])
        figures[key] = Figure(svg=Markup(svg), description=f"{request['heading']}. {lines}.")
    return figures


def _run_row(run: RunRecord) -> dict[str, str]:
    """A run in a list of runs."""
    versions = (
        f"{title} {inline_text(run.tags[tag])}"
        for tag, title in VERSIONS.items()
        if run.tags.get(tag)
    )
    return {
        "run_id": run.original_id,
        "name": inline_text(run.name, MAX_NAME_LENGTH),
        "submitted": time.strftime("%Y-%m-%d %H:%M", time.localtime(run.submitted)),
        "versions": ", ".join(versions),
        "command": reproduction(run),
    }


def _render(template: str, **context: Any) -> str:
    return TEMPLATES.get_template(template).render(context)


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M %Z")


TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.globals.update(counted=counted, run_row=_run_row, agreement=AGREEMENT)
