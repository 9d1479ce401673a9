"""The chapter's claims, judged by a store, as one HTML file: `python -m experiments report`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from html import escape
from importlib import metadata

from core.claims import CLAIMS, EXERCISES, QUIZ, Claim, Line, Verdict
from core.claims.claim import Facts
from core.names import among
from core.tracking import RunRecord, Store, command_line
from core.words import counted, listed
from experiments.claim_runs import needed_by
from experiments.claim_words import AGREES, capital, head
from experiments.evidence import Evidence, Judged
from experiments.export import reproduction
from experiments.self_contained import document, folded, table, text

TITLE = "What the chapter claims, and what was measured"
PACKAGES = ("torch", "mlflow", "numpy", "pandas")
MEASURED_ON = {
    "device": "device",
    "chip": "chip",
    "torch": "torch",
    "mlflow.source.git.commit": "commit",
}
"""Tag of a run → how it is called."""
NAME_LETTERS = 300
"""Of a run's name in the list of runs."""
"""The tag with the command line that makes a run again."""


def report(store: Store, computed: Mapping[int, Facts]) -> str:
    """The whole file. It asks nothing of the network and runs nothing."""
    judged = Evidence(lambda run, name: store.table(run.run_id, name)).judged(
        store.runs(), computed
    )
    return document(TITLE, _body(judged))


def _body(judged: Judged) -> Iterator[str]:
    yield text("h1", TITLE)
    yield f"<p><strong>{escape(head(judged.verdicts.values()))}</strong></p>"
    yield text("p", _circumstances(judged), "soft")
    yield table(("Claim", "Verdict"), map(_line, CLAIMS, judged.verdicts.values()))
    yield text("h2", "The claims")
    for claim in CLAIMS:
        yield f'<article id="claim-{claim.number}">'
        yield from _claim(claim, judged)
        yield "</article>"
    yield text("h2", "The exercises")
    for exercise in EXERCISES:
        yield f"<article>{text('h3', exercise.title)}{text('p', exercise.task)}"
        yield text("p", judged.verdicts[exercise.claim.number].sentence)
        yield "</article>"
    yield text("h2", "The quiz")
    for question in QUIZ:
        answer = question.answer(judged.verdicts[question.claim])
        yield f"<article>{text('h3', question.text)}"
        yield text("p", " · ".join(question.choices), "soft")
        inside = text("p", answer.choice or "Nobody can tell yet.") + text("p", answer.because)
        yield folded("The answer", [inside])
        yield "</article>"


def _circumstances(judged: Judged) -> str:
    """When it was written, with what, and on what the runs were measured."""
    here = listed([f"{name} {metadata.version(name)}" for name in PACKAGES])
    written = f"Written {time.strftime('%Y-%m-%d %H:%M %Z')} with {here}"
    told = []
    for tag, title in MEASURED_ON.items():
        seen = sorted({among(run.tags[tag]) for run in judged.runs.values() if run.tags.get(tag)})
        if seen:
            told.append(f"{title} {listed(seen)}")
    runs = counted(len(judged.runs), "run")
    return f"{written}, from {runs}{' measured on ' if told else ''}{', '.join(told)}."


def _line(claim: Claim, verdict: Verdict) -> tuple[str, str]:
    link = f'<a href="#claim-{claim.number}">{claim.number} · {escape(claim.title)}</a>'
    return link, _outcome("span", verdict)


def _claim(claim: Claim, judged: Judged) -> Iterator[str]:
    verdict = judged.verdicts[claim.number]
    yield text("h3", f"{claim.number} · {claim.title}")
    yield text("p", claim.statement)
    yield _outcome("p", verdict, "verdict")
    yield text("p", verdict.figure)
    if verdict.table:
        yield properties_table(verdict.table)
    yield text("p", f"How it is measured: {claim.method}", "soft")
    runs = [judged.runs[run_id] for run_id in verdict.evidence if run_id in judged.runs]
    if runs:
        yield folded(f"The {counted(len(runs), 'run')} behind it", [runs_table(runs)])
    missing = needed_by([claim], judged)
    if missing.to_start:
        lines = [f"<p><code>{escape(command_line(*pair))}</code></p>" for pair in missing.to_start]
        yield folded(f"{counted(len(lines), 'run')} to be measured still", lines)


def _outcome(tag: str, verdict: Verdict, kind: str = "") -> str:
    known = verdict.outcome in ("holds", "holds only when", "does not hold here")
    colour = verdict.outcome.replace(" ", "-") if known else "open"
    words = f"{verdict.outcome} {verdict.condition}".strip()
    return text(tag, capital(words), f"{kind} {colour}".strip())


def properties_table(lines: tuple[Line, ...]) -> str:
    """Claim 9: what the chapter says of each cell beside what was measured."""
    rows = [
        (
            escape(line.title),
            escape(" / ".join(line.claimed)),
            *map(escape, line.measured),
            "–" if line.missing else AGREES[line.truth],
        )
        for line in lines
    ]
    return table(("Property", "The chapter", "RNN", "LSTM", "GRU", "As claimed"), rows)


def runs_table(runs: list[RunRecord]) -> str:
    """Runs, each with the command that makes it again."""
    rows = [
        (
            f"<code>{escape(run.run_id)}</code>",
            escape(among(run.name, NAME_LETTERS)),
            time.strftime("%Y-%m-%d %H:%M", time.localtime(run.submitted)),
            f"<code>{escape(reproduction(run))}</code>",
        )
        for run in runs
    ]
    return table(("Run", "Name", "Submitted", "To make it again"), rows)
