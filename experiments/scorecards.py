"""The scorecard of a store: its columns by name, launches of missing runs, and its files."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import pandas

from core.analysis.groups import hosts_to_name
from core.analysis.limits import AnyLimit, worst
from core.analysis.runs import last_row
from core.analysis.scorecard import (
    MeasureLine,
    Record,
    Scorecard,
    Terms,
    available_kinds,
    scorecard,
)
from core.analysis.scorecard_sentences import (
    SCORECARD_MARKS,
    basis_in_words,
    interval_of,
    repeats_of,
    scorecard_answer,
    value_of,
)
from core.chapter.claim import Results, Verdict
from core.chapter.cost import PROPERTIES
from core.chapter.gradients import DEFAULT_START
from core.experiment import BUDGETS, WIDTH, Config, Experiment
from core.experiments import experiment_named
from core.formatting import inline_text, listed
from core.models.architecture import Architecture
from core.settings import BadSetting, Value
from core.store.records import RunRecord
from experiments.export import EXPORT_FORMATS
from experiments.reports.latex import escaped, estimate_cell, table

Read = Callable[[RunRecord, str], pandas.DataFrame | None]

Ahead = Callable[[Experiment, Sequence[RunRecord]], None]
"""Told which runs of an experiment are read next, so that a slow store can be asked at once."""


class ScorecardIndex:
    """The finished runs of one store; each is prepared for scorecards only once, and while they
    are the same ones, so is what was computed from them."""

    def __init__(self, read: Read, ahead: Ahead = lambda experiment, runs: None) -> None:
        self._read, self._ahead = read, ahead
        self._records: dict[str, Record] = {}
        self._properties: dict[str, bool] = {}
        self._latest: ScorecardSnapshot | None = None

    def at(self, runs: Iterable[RunRecord]) -> ScorecardSnapshot:
        """The snapshot of a store with these runs, the oldest first."""
        finished = {run.run_id: run for run in runs if run.status == "FINISHED"}
        if self._latest is not None and self._latest.runs == finished:
            return self._latest
        for run_id, run in finished.items():
            if run_id not in self._records:
                device, chip = (inline_text(run.tags.get(tag, "")) for tag in ("device", "chip"))
                self._records[run_id] = Record(
                    run_id=run_id,
                    experiment=run.experiment,
                    settings=run.settings,
                    device=device,
                    chip=chip,
                    imported=bool(run.origin),
                    sweep=run.sweep,
                    looks=run.looks,
                )
                self._properties[run_id] = _is_in_properties(run)
        timed = [r for r in finished.values() if experiment_named(r.experiment).timed]
        hosts = hosts_to_name(timed)
        for run_id, host in hosts.items():  # another run may have come that takes it to tell apart
            if self._records[run_id].host != host:
                self._records[run_id] = replace(self._records[run_id], host=host)
        self._latest = ScorecardSnapshot(
            runs=finished,
            records=[self._records[run_id] for run_id in finished],
            hosts=hosts,
            property_runs=[run for run_id, run in finished.items() if self._properties[run_id]],
            read=self._read,
            ahead=self._ahead,
        )
        return self._latest


def _is_in_properties(run: RunRecord) -> bool:
    """Whether the chapter's table of the three cells is filled from this run."""
    try:
        return any(
            measurement.experiment.name == run.experiment and measurement.includes(run.settings)
            for measurement in (*PROPERTIES.measurements, DEFAULT_START)
        )
    except (KeyError, TypeError, ValueError):  # recorded by a version with other settings
        return False


@dataclass(frozen=True, eq=False)
class ScorecardSnapshot:
    """The finished runs of a store at one moment, and the scorecards that they give."""

    runs: Mapping[str, RunRecord]
    """Run id → every finished run."""
    records: Sequence[Record]
    property_runs: Sequence[RunRecord]
    hosts: Mapping[str, str]
    """Of what was timed: run id → the computer, where it takes that to tell machines apart."""
    read: Read
    ahead: Ahead
    _cards: dict[tuple[object, ...], Scorecard] = field(default_factory=dict, repr=False)
    _making: threading.Lock = field(default_factory=threading.Lock, repr=False)
    """Held by whoever makes a scorecard: others may want the same one."""

    @cached_property
    def kinds(self) -> Mapping[str, Architecture]:
        """Every possible column."""
        return available_kinds(self.records)

    def scorecard(
        self,
        kinds: Sequence[str],
        terms: Terms,
        machine: str = "",
        limits: Sequence[AnyLimit] = (),
        unmeasured: Mapping[str, Architecture] | None = None,
        device: str = "",
    ) -> Scorecard:
        """The scorecard with these columns; times are those of one machine, or of any with that
        device. `unmeasured` are columns that may have no run yet."""
        asked = (*kinds, terms, machine, device, *limits)
        with self._making:
            if asked not in self._cards:
                every = {**(unmeasured or {}), **self.kinds}
                columns = [every[kind] for kind in kinds]
                self._cards[asked] = scorecard(
                    self.records,
                    columns,
                    terms,
                    self._table,
                    machine,
                    limits,
                    self._read_ahead,
                    device,
                )
            return self._cards[asked]

    @cached_property
    def properties(self) -> Verdict:
        """The chapter's table of the three cells, filled from this store."""
        lines: dict[str, list[dict[str, Any]]] = {}
        for run in self.property_runs:
            rows = self.read(run, experiment_named(run.experiment).summary.table)
            if rows is not None and not rows.empty:
                host = {"host": self.hosts.get(run.run_id, "")}
                line = {"run_id": run.run_id, **host, **run.settings, **last_row(rows)}
                lines.setdefault(run.experiment, []).append(line)
        frames = {name: pandas.DataFrame(of_experiment) for name, of_experiment in lines.items()}
        return PROPERTIES.verdict(Results(frames, self._table))

    def _read_ahead(self, experiment: Experiment, records: Sequence[Record]) -> None:
        self.ahead(experiment, [self.runs[record.run_id] for record in records])

    def _table(self, run_id: str, name: str) -> pandas.DataFrame | None:
        return self.read(self.runs[run_id], name)


def find_kinds(names: Iterable[str], kinds: Mapping[str, Architecture]) -> list[str]:
    """`lstm` or `LSTM · forget bias 1` → kinds; `BadSetting` for what is not measured."""
    by_name = {kind.lower(): kind for kind in kinds}
    for kind, architecture in kinds.items():
        cell, bidirectional = architecture.cell, architecture.bidirectional
        if architecture.kind == Architecture(cell=cell, bidirectional=bidirectional).kind:
            by_name[architecture.variant] = kind
    named = []
    for name in names:
        kind_named = by_name.get(" ".join(name.lower().split()))
        if kind_named is None:
            raise BadSetting(f"variants has {name!r}; choose from {', '.join(by_name)}")
        named.append(kind_named)
    return list(dict.fromkeys(named))


def find_machine(part: str, machines: Sequence[str]) -> str:
    """The one machine whose name contains this text; `BadSetting` for none or several."""
    matches = [name for name in machines if part.lower() in name.lower()]
    if len(matches) != 1:
        raise BadSetting(
            f"machine is {part!r}, which fits {len(matches)} of {', '.join(machines) or 'none'}"
        )
    return matches[0]


@dataclass(frozen=True, eq=False)
class Launch:
    """One launch of some variants, of which runs are missing."""

    experiment: Experiment
    kinds: tuple[str, ...]
    variants: tuple[str, ...]
    settings: Mapping[str, Value]
    """What differs from the defaults."""

    @property
    def command(self) -> str:
        """The command line that makes all of its runs."""
        words = ["python -m experiments run", self.experiment.name]
        words.append(f"--variants {','.join(self.variants)}")
        for name, value in self.settings.items():
            text = str(value).lower() if isinstance(value, bool | None) else str(value)
            words.append(f"--{name.replace('_', '-')}={text}")
        return " ".join(words)


def launches(experiment: Experiment, configs: Iterable[Config]) -> list[Launch]:
    """One launch for each set of equal settings and each range of seeds, in the order of the
    configs."""
    default = experiment.config().flat()
    groups: dict[tuple[tuple[str, Value], ...], list[Config]] = {}
    for config in configs:
        # The runs of one launch differ in these; under a budget each variant has its own width.
        free = {"cell", "bidirectional"}
        free |= {"seed"} if experiment.one_run_per_seed else set()
        budgeted = any(getattr(config, name) is not None for name in BUDGETS)
        free |= {WIDTH} if budgeted else set()
        flat = config.flat().items()
        differing = [(k, value) for k, value in flat if k not in free and value != default[k]]
        groups.setdefault(tuple(differing), []).append(config)
    grouped = []
    for differing_settings, members in groups.items():
        for seeds, variants in _by_seeds(members).items():
            settings = dict(differing_settings)
            if (repeats := experiment.replicate) is not None:
                settings |= {"seed": seeds[0]} if seeds[0] else {}
                settings |= {repeats.name: len(seeds)} if len(seeds) != repeats.default else {}
            grouped.append(
                Launch(
                    experiment=experiment,
                    kinds=tuple(dict.fromkeys(shape.kind for shape in variants)),
                    variants=tuple(dict.fromkeys(shape.variant for shape in variants)),
                    settings=settings,
                )
            )
    return grouped


def _by_seeds(configs: Iterable[Config]) -> dict[tuple[int, ...], list[Architecture]]:
    """Seeds that follow each other → what is to be run with exactly these."""
    of: dict[Architecture, set[int]] = {}
    for config in configs:
        of.setdefault(config.architecture, set()).add(config.seed)
    found: dict[tuple[int, ...], list[Architecture]] = {}
    for architecture, seeds in of.items():
        ordered = sorted(seeds)
        for _, following in itertools.groupby(enumerate(ordered), lambda pair: pair[1] - pair[0]):
            found.setdefault(tuple(seed for _, seed in following), []).append(architecture)
    return found


def cell_texts(line: MeasureLine, kind: str) -> list[str]:
    """`98.1 ★`, `97.2 to 98.8`, `8 seeds`, as far as known; empty if nothing is measured."""
    cell = line.cells.get(kind)
    if cell is None:
        return []
    value = f"{value_of(cell)} {SCORECARD_MARKS.get(line.marks.get(kind, ''), '')}".strip()
    return [text for text in (value, interval_of(cell), repeats_of(cell)) if text]


def cells(card: Scorecard) -> pandas.DataFrame:
    """One row per cell, in full precision; what is not measured has neither value nor runs."""
    rows: list[dict[str, Any]] = []
    for question in card.questions:
        for line in question.lines:
            for column in card.kinds:
                kind = column.kind
                cell, size = line.cells.get(kind), question.sizes.get(kind)
                found = [f for f in card.findings[kind] if f.limit.measure == line.column.name]
                estimate = cell.estimate if cell else None
                rows.append(
                    {
                        "experiment": question.experiment.name,
                        "question": question.experiment.question,
                        "measure": line.column.name,
                        "title": line.column.title,
                        "unit": line.column.unit,
                        "better": line.column.better,
                        "variant": kind,
                        "terms": card.terms.in_words,
                        "hidden_size": size.hidden_size if size else None,
                        "counted": question.experiment.config.counted,
                        "parameters": size.parameters if size else None,
                        "state_bytes": size.state_bytes if size else None,
                        "off_budget": size.off if size else None,
                        "value": estimate.value if estimate else None,
                        "low": estimate.low if estimate else None,
                        "high": estimate.high if estimate else None,
                        "n": estimate.n if estimate else None,
                        "n_counts": cell.over if cell else "",
                        "mark": line.marks.get(kind, ""),
                        "limit": " and ".join(str(finding.limit) for finding in found),
                        "limit_fits": worst(found) if found else "",
                        "all_limits_fit": card.fits[kind] if card.limits else "",
                        "same_settings": basis_in_words(question.basis) if question.basis else "",
                        "runs": " ".join(cell.runs) if cell else "",
                    }
                )
    return pandas.DataFrame(rows, dtype=object)  # else whole numbers beside empty cells get a point


def csv(card: Scorecard) -> bytes:
    """One line per cell."""
    return EXPORT_FORMATS["csv"](cells(card))


def as_json(card: Scorecard, properties: Verdict | None = None) -> bytes:
    """The answer, the cells, every verdict on a pair, what is missing, and the chapter's table."""
    content: dict[str, Any] = {
        "answer": scorecard_answer(card),
        "terms": dict(card.terms.settings),
        "variants": [kind.kind for kind in card.kinds],
        "machine": card.machine,
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
        "fits": dict(card.fits) if card.limits else {},
        "cells": json.loads(EXPORT_FORMATS["json"](cells(card))),
        "pairs": [
            {
                "measure": line.column.name,
                "first": difference.first,
                "second": difference.second,
                "finding": difference.finding,
                "test": difference.test,
                "n": list(difference.n),
                "p_value": difference.p_value,
                "holm_p_value": difference.corrected_p,
            }
            for question in card.questions
            for line in question.lines
            for difference in line.differences
        ],
        "missing": [
            launch.command
            for question in card.questions
            for launch in launches(question.experiment, question.missing)
        ],
    }
    if properties is not None:
        content["properties"] = {
            "verdict": properties.sentence,
            "lines": [
                {
                    "property": row.title,
                    "claimed": list(row.claimed),
                    "measured": list(row.measured),
                    "as_claimed": row.truth,
                }
                for row in properties.table
            ],
        }
    return (json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode()


def latex(card: Scorecard) -> bytes:
    """One line per measure, one column per variant.

    The best value is bold, and so are those that are not distinguishable from it.
    """
    rows = [
        [
            escaped(line.column.heading),
            *(_latex_cell(line, kind.kind) for kind in card.kinds),
        ]
        for question in card.questions
        for line in question.lines
    ]
    if card.limits:
        limits = listed([limit.in_words for limit in card.limits])
        fits = (card.fits[kind.kind] for kind in card.kinds)
        rows.append([escaped(f"Within {limits}"), *fits])
    caption = (
        f"{scorecard_answer(card)} In brackets: 95% intervals. "
        "Bold: the best, and what is not distinguishable from it."
    )
    return table(["", *(kind.kind for kind in card.kinds)], rows, caption).encode()


def _latex_cell(line: MeasureLine, kind: str) -> str:
    cell = line.cells.get(kind)
    if cell is None or cell.estimate.value is None:
        return "--"
    bold = bool(line.marks.get(kind))
    if cell.over:
        return estimate_cell(cell.estimate, bold=bold)
    value = escaped(value_of(cell))  # a count has all of its digits
    return rf"\textbf{{{value}}}" if bold else value
