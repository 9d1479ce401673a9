"""Results on a terminal: data on standard output, everything else on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from core.analysis.across import Pivot
from core.analysis.choice import Choice
from core.analysis.choice_sentences import (
    choice_answer,
    open_questions,
    place_of,
    proposal_in_words,
    rests_on,
    value_with_repeats,
)
from core.analysis.comparison import Comparison, compare
from core.analysis.groups import machine_of, machine_titles
from core.analysis.scorecard import Scorecard
from core.analysis.scorecard_sentences import (
    KEY,
    NOT_YET,
    basis_in_words,
    fit_text,
    scorecard_answer,
    spoken,
)
from core.analysis.sentences import MARKS, answer, method, verdict
from core.analysis.sizes import sizes_in_words, sizes_of
from core.chapter.claim import Truth
from core.experiment import Experiment
from core.formatting import exact_number, inline_text, listed
from core.measure import scoring
from core.papers import PAPERS, REPRODUCTION, REPRODUCTION_VERBS
from core.secrets import without_secrets
from core.settings import BadSetting
from core.stats.estimates import Estimate
from core.store.records import RunRecord
from core.store.tables import is_blank
from core.store.tracking import Store
from experiments import choices
from experiments.evidence import ClaimStatus, headline
from experiments.export import with_settings
from experiments.scorecards import cell_texts

MAX_COLUMNS = 9
"""A wider table is turned on its side: one line per measure instead of one per run."""

MAX_PAIRS = 30
"""Verdicts that a terminal lists; the other formats have all of them."""

MAX_NOTE_LENGTH = 300
"""Letters of a note or an error in the list of runs."""

OUT = Console(highlight=False)
if not OUT.is_terminal:
    OUT = Console(highlight=False, width=240)  # a pipe has no width: keep each row on one line

ERR = Console(stderr=True, highlight=False)


def say(text: str) -> None:
    """Tell a person something, on standard error."""
    ERR.print(without_secrets(text), markup=False, soft_wrap=True)


def write(content: bytes, output: str | None) -> None:
    """Write to a file of that name, or to standard output; `BadSetting` if that is impossible."""
    if not output:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    try:
        Path(output).write_bytes(content)
    except OSError as error:
        raise BadSetting(
            f"output is {output!r}, which cannot be written ({error.strerror}); give the "
            "name of a file in an existing folder"
        ) from error
    say(f"{output}: {max(1, len(content) // 1024):,} KiB")


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows, of which the first is the heading."""
    lines = rows if len(rows[0]) <= MAX_COLUMNS else list(zip(*rows, strict=True))
    heading, *others = [[escape(cell) for cell in line] for line in lines]
    table = Table(*heading)
    for line in others:
        table.add_row(*line)
    OUT.print(table)


def with_interval(estimate: Estimate) -> str:
    """`0.567 [0.550, 0.584]`."""
    value = exact_number(estimate.value)
    if estimate.low is None or estimate.high is None:
        return value
    return f"{value} [{exact_number(estimate.low)}, {exact_number(estimate.high)}]"


def print_experiment(experiment: Experiment) -> None:
    """Print an experiment's settings, tables and presets."""
    table = Table("setting", "default", "allowed", "description", title_justify="left")
    table.title = f"{experiment.name}: {experiment.question}"
    for setting in experiment.settings:
        cells = f" ({', '.join(setting.cells)} only)" if setting.cells else ""
        default = "–" if setting.default is None else str(setting.default)
        table.add_row(setting.name, default, setting.allowed, setting.description + cells)
    OUT.print(table)
    OUT.print(f"tables: {', '.join(row.table for row in experiment.rows)}")
    OUT.print(f"presets: {', '.join(experiment.presets) or 'none'}\n")


def print_runs(records: Sequence[RunRecord]) -> None:
    """Print a line for each run, with its machine if there are several."""
    several = len({machine_of(run) for run in records if "device" in run.tags}) > 1
    machines = machine_titles(records) if several else {}
    headings = ["run", "experiment", "name", "status", "submitted", "by", "seconds", "result"]
    rows = [[*headings, "machine"] if several else headings]
    for record in records:
        status = record.status.lower()
        if record.status == "RUNNING":
            status += f" {100 * record.state.get('fraction', 0):.0f}%"
        rows.append(
            [
                record.run_id[:8],
                record.experiment,
                ("★ " if record.starred else "") + inline_text(record.name),
                status,
                time.strftime("%Y-%m-%d %H:%M", time.localtime(record.submitted)),
                inline_text(record.user),
                "" if record.seconds is None else f"{record.seconds:.1f}",
                inline_text(record.error or record.note, MAX_NOTE_LENGTH),
                *([machines[record.run_id]] if several else []),
            ]
        )
    print_table(rows)


def print_results(store: Store, experiment: Experiment, records: Sequence[RunRecord]) -> None:
    """Print the answer of some runs in a sentence, then a table with a line for each of them."""
    summaries = [(r, store.table(r, experiment.summary.table)) for r in records]
    measured = [(r, summary) for r, summary in summaries if summary is not None]
    if not measured:
        return
    frames = [with_settings(record, summary) for record, summary in measured]
    frame = pandas.concat(frames, ignore_index=True)
    finished = [record for record, _ in measured]
    comparison = compare(experiment, finished, store.table)
    OUT.print(answer(comparison) + "\n", markup=False)
    _print_sizes(comparison)
    columns = [
        column.of(record.settings for record in finished)
        for column in experiment.summary.columns()
        if column.name in frame and not is_blank(frame[column.name])
    ]
    rows = [["run", *(column.heading for column in columns)]]
    lines: list[dict[Any, Any]] = frame.to_dict("records")
    for (record, _), line in zip(measured, lines, strict=True):
        cells = [inline_text(record.name)]
        for column in columns:
            value = line[column.name]
            if isinstance(value, str | bool):
                cells.append(str(value))
            elif column.estimate:
                cells.append(with_interval(column.read(line, record.settings)))
            else:
                cells.append(exact_number(None if pandas.isna(value) else value))
        rows.append(cells)
    print_table(rows)


def _print_sizes(comparison: Comparison) -> None:
    """Print how many parameters each group has, and how equal they are at a budget."""
    sizes = sizes_of(comparison.experiment, comparison.groups)
    if sizes:
        OUT.print(sizes_in_words(comparison.experiment, sizes) + "\n", markup=False)


def print_comparison(comparison: Comparison) -> None:
    """Print the answer, the sizes, the settings that differ, the measures and the verdicts."""
    OUT.print(answer(comparison) + "\n", markup=False)
    _print_sizes(comparison)
    for record in comparison.without:
        say(f"{inline_text(record.name)} is left out: it has no recorded result")
    names = [group.name for group in comparison.groups]
    if comparison.settings:
        heading = ("setting", *(line.title for line in comparison.settings))
        rows = [(name, *(line.values[name] for line in comparison.settings)) for name in names]
        print_table([heading, *rows])
    table = [["measure", *(result.column.heading for result in comparison.results)]]
    for name in names:
        cells = [
            f"{with_interval(result.estimates[name])} {MARKS[result.marks.get(name, '')]}".strip()
            for result in comparison.results
        ]
        table.append([name, *cells])
    print_table(table)
    result = comparison.headline
    if result is None:
        return
    for pair in result.differences[:MAX_PAIRS]:
        words = verdict(pair, comparison.repeat, result.column)
        text = f"{pair.first} vs {pair.second}: {words}"
        OUT.print(text, markup=False)
    if len(result.differences) > MAX_PAIRS:
        say(f"and {len(result.differences) - MAX_PAIRS} more pairs: --format csv has them all")
    say(method(comparison))


def print_pivot(pivot: Pivot) -> None:
    """Print one measure by two settings, with what the cells are."""
    rows = [[f"{pivot.rows.title} / {pivot.columns.title}", *pivot.column_texts]]
    for row in pivot.row_texts:
        cells = [row]
        for column in pivot.column_texts:
            name = pivot.names.get((row, column))
            mark = "" if name is None else MARKS[pivot.result.marks.get(name, "")]
            value = "" if name is None else with_interval(pivot.result.estimates[name])
            cells.append(f"{value} {mark}".strip())
        rows.append(cells)
    table = Table(*map(escape, rows[0]))
    for line in rows[1:]:
        table.add_row(*map(escape, line))
    OUT.print(table)
    OUT.print(pivot.caption("★ and ☆"), markup=False)


TRUTH_WORDS: Mapping[Truth, str] = {True: "yes", False: "no", None: "undecided"}
"""Whether one part of a published claim is as published."""


def print_papers(judged: ClaimStatus) -> None:
    """Print each paper's outcome, and part by part what decides it."""
    verdicts = judged.verdicts
    OUT.print(headline(verdicts.values(), "paper", REPRODUCTION_VERBS) + "\n", markup=False)
    table = Table("paper", "claim", "as published", "measured here", show_lines=True)
    for paper in PAPERS:
        judgement = verdicts[paper.name]
        table.add_row(
            *map(escape, (paper.citation, paper.title, REPRODUCTION[judgement.outcome])),
            "" if judgement.parts else escape(judgement.figure),
        )
        for part in judgement.parts:
            cells = part.statement, TRUTH_WORDS[part.truth], f"{part.measured}."
            table.add_row("", *map(escape, cells))
    OUT.print(table)


def print_scorecard(card: Scorecard) -> None:
    """Print the answer, the table, and what the runs of each question share."""
    OUT.print(scorecard_answer(card) + "\n", markup=False)
    table = Table("", *(escape(kind.kind) for kind in card.kinds), show_lines=True)
    for question in card.questions:
        title = question.experiment.title
        for line in question.lines:
            cells = ["\n".join(cell_texts(line, kind.kind) or [NOT_YET]) for kind in card.kinds]
            table.add_row(*map(escape, (f"{title}: {line.column.heading}", *cells)))
        if not question.lines:
            table.add_row(escape(title), *[NOT_YET] * len(card.kinds))
    if card.limits:
        fits = [fit_text(card, kind.kind) for kind in card.kinds]
        table.add_row(*map(escape, ("Within all limits", *fits)))
    OUT.print(table)
    OUT.print(KEY, markup=False)
    for question in card.questions:
        if question.basis is not None:
            OUT.print(
                f"{question.experiment.title}: {basis_in_words(question.basis)}. "
                f"{sizes_in_words(question.experiment, question.sizes_of_columns)}",
                markup=False,
            )


def print_choice(choice: Choice) -> None:
    """Print the answer, the table that it is read from, what it rests on, and the launch that would
    decide the rest."""
    OUT.print(choice_answer(choice) + "\n", markup=False)
    card = choice.card
    titles = [card.lines[name].column.heading for name in choice.measures]
    table = Table("variant", "place", *map(escape, titles))
    for kind in choices.ordered(choice):
        values = [value_with_repeats(choice, name, kind) or NOT_YET for name in choice.measures]
        table.add_row(*map(escape, (kind, place_of(choice, kind), *values)))
    OUT.print(table)
    for one in choice.ruled_out:
        kinds = listed([spoken(kind) for kind in one.kinds])
        OUT.print(f"Ruled out by {one.limit.in_words}: {kinds}.", markup=False)
    for sentence in open_questions(choice):
        OUT.print(sentence, markup=False)
    OUT.print(rests_on(choice), markup=False)
    for name, ids in choice.evidence.items():
        OUT.print(f"  {name}: {' '.join(run[:8] for run in ids)}", markup=False)
    OUT.print(proposal_in_words(choice), markup=False)
    commands = choices.commands(choice)
    if choice.proposal is not None and not commands:
        commands = ["with its button on the page Choose"]
    for command in commands:
        OUT.print(f"  {command}", markup=False)


def print_scores(scores: scoring.Scores) -> None:
    """Print who is better overall, then the scores and comparisons overall and by length."""
    OUT.print(scoring.answer(scores) + "\n", markup=False)
    titles = scores.options.titles
    head = ["", "words", "sentences", "system", *titles.values(), "exact match (%)"]
    rows = [head]
    for place in (scores.overall, *scores.lengths):
        where = "all" if place.length is None else f"by {place.by}"
        words = scoring.bucket_in_words(place, scores.options)
        for one in place.systems:
            measures = (one.bleu, one.chrf, one.exact_match)
            cells = [where, words, f"{place.sentences:,}", one.name]
            rows.append([*cells, *(with_interval(estimate) for estimate in measures)])
    print_table(rows)
    pairs = [(place, pair) for place in (scores.overall, *scores.lengths) for pair in place.pairs]
    rows = [["", "words", "score", "first", "second", "difference", "wins", "p", "first is"]]
    for place, pair in pairs:
        p = "–" if pair.corrected_p is None else scoring.p_in_words(pair.corrected_p)
        rows.append(
            [
                "all" if place.length is None else f"by {place.by}",
                scoring.bucket_in_words(place, scores.options),
                titles[pair.score],
                pair.first,
                pair.second,
                with_interval(pair.difference),
                scoring.wins_in_words(pair),
                p,
                pair.outcome,
            ]
        )
    if pairs:
        print_table(rows)
    for signature in scores.signatures.values():
        OUT.print(signature, markup=False)
    say(scoring.method(scores))
