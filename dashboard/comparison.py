"""Which runs are read side by side, and what tells them apart.

A *comparison* is the runs that were launched together. What its runs have in common is left out
of their labels: with one hidden size for all, `LSTM · forget bias 1` says enough.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas

from core.architecture import CELL_TITLES, variant_title
from core.experiment import Experiment, Row
from core.settings import Setting, Value, settings_of
from core.tracking import ACTIVE, RunRecord

NOT_TOLD_APART = ("cell", "bidirectional", "seed", "seeds", "device", "threads")
"""The variant is named anyway, and repetitions are pooled."""

Table = Callable[[RunRecord, str], pandas.DataFrame | None]


@dataclass(frozen=True)
class Comparison:
    """Runs of one experiment that were launched together, oldest first."""

    name: str
    """The sweep; of a run without one, its id."""
    runs: tuple[RunRecord, ...]

    @property
    def launched(self) -> float:
        """Seconds since the epoch."""
        return self.runs[0].submitted

    @property
    def finished(self) -> tuple[RunRecord, ...]:
        """Those that can be read."""
        return tuple(run for run in self.runs if run.status == "FINISHED")

    @property
    def active(self) -> tuple[RunRecord, ...]:
        """Those still to come."""
        return tuple(run for run in self.runs if run.status in ACTIVE)

    @property
    def broken(self) -> tuple[RunRecord, ...]:
        """Those that failed or were cancelled."""
        return tuple(run for run in self.runs if run.status in ("FAILED", "KILLED"))


def comparisons(runs: Sequence[RunRecord]) -> list[Comparison]:
    """Group runs by what they were launched with, the newest comparison first."""
    groups: dict[str, list[RunRecord]] = {}
    for run in runs:
        groups.setdefault(run.sweep or run.run_id, []).append(run)
    found = [Comparison(name, tuple(members)) for name, members in groups.items()]
    return sorted(found, key=lambda comparison: comparison.launched, reverse=True)


def newest_readable(found: Sequence[Comparison]) -> Comparison | None:
    """The newest comparison that has a result, or simply the newest."""
    return next((c for c in found if c.finished), found[0] if found else None)


def labels(experiment: Experiment, runs: Sequence[RunRecord]) -> dict[str, str]:
    """Run id → label: the variant, and each setting that tells runs of its cell apart."""
    settings = {s.name: s for s in settings_of(experiment.config) if s.name not in NOT_TOLD_APART}
    seen: dict[str, set[Value]] = {name: set() for name in settings}
    for run in runs:
        for name, setting in settings.items():
            if _cell(run) in (setting.cells or CELL_TITLES):
                seen[name].add(_value(run, setting))
    told = [setting for name, setting in settings.items() if len(seen[name]) > 1]
    return {
        run.run_id: " · ".join(
            [variant_title(variant_of(run))]
            + [
                in_words(setting, _value(run, setting))
                for setting in told
                if _cell(run) in (setting.cells or CELL_TITLES)
            ]
        )
        for run in runs
    }


def in_words(setting: Setting, value: Value) -> str:
    """`forget bias 1`, `orthogonal`, `jacobians off`: a setting as a legend writes it."""
    speaks_for_itself = setting.choices and value is not None and str(value) != "torch"
    return str(value) if speaks_for_itself else f"{setting.title.lower()} {shown(value)}"


def shown(value: Value) -> str:
    """`0.5`, `on`, `as drawn`: a value as people read it."""
    if value is None:
        return "as drawn"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def results(experiment: Experiment, runs: Sequence[RunRecord], table: Table) -> pandas.DataFrame:
    """One row per finished run that has a summary: run_id, label, variant, settings, summary."""
    named = labels(experiment, runs)
    summary = experiment.summary
    lines = []
    for run in runs:
        measured = table(run, summary.table) if run.status == "FINISHED" else None
        if measured is None or measured.empty:
            continue
        lines.append(
            {
                "run_id": run.run_id,
                "label": named[run.run_id],
                "variant": variant_of(run),
                **run.settings,
                **{name: measured[name].iloc[-1] for name in summary.header() if name in measured},
            }
        )
    return pandas.DataFrame(lines)


def rows(
    experiment: Experiment, runs: Sequence[RunRecord], name: str, table: Table
) -> pandas.DataFrame:
    """A table of several runs as one frame, with `run_id`, `label` and `variant` in front.

    The same seed of the same settings measured twice (a retry, say) counts once, the newest time.
    """
    named = labels(experiment, runs)
    axes = [column.name for column in experiment.row(name).columns() if column.role == "axis"]
    frames = []
    for run in runs:
        part = table(run, name)
        if part is not None and not part.empty:
            known = {"run_id": run.run_id, "label": named[run.run_id], "variant": variant_of(run)}
            frames.append(part.assign(**known))
    if not frames:
        return pandas.DataFrame()
    together = pandas.concat(frames, ignore_index=True)
    together = together.drop_duplicates(["label", "variant", *axes], keep="last")
    front = ["run_id", "label", "variant"]
    return together[[*front, *(name for name in together if name not in front)]]


def first_slice(table: pandas.DataFrame, row: type[Row]) -> pandas.DataFrame:
    """A table at one value of every axis but its curve and the seeds: the first, or the latest."""
    for column in row.columns():
        if column.role == "axis" and not column.curve and column.name != "seed" and len(table):
            values = table[column.name]
            table = table[values == (values.max() if column.latest else values.iloc[0])]
    return table


def variant_of(run: RunRecord) -> str:
    """`bi-lstm`."""
    return ("bi-" if run.settings.get("bidirectional") else "") + _cell(run)


def _cell(run: RunRecord) -> str:
    return str(run.settings.get("cell", ""))


def _value(run: RunRecord, setting: Setting) -> Value:
    return run.settings.get(setting.name, setting.default)
