"""A measure across the settings in which runs differ: along one of them, or in a table of two.

Every place is a group of a comparison that is grouped by these settings, so its estimate, its
interval and what is best are those of `comparison`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.analysis.comparison import MAX_COMPARED, Comparison, Result
from core.analysis.groups import (
    Group,
    differs,
    distinct_machines,
    has,
    machine_titles,
    mixed,
    setting_in_words,
    value_in_words,
    value_of,
    variant_of,
)
from core.experiment import Experiment
from core.formatting import inline_text, listed
from core.models.architecture import variant_title
from core.settings import BadSetting, Setting
from core.store.records import RunRecord

VARIANT = "variant"
"""The axis that is no setting: the cell with its direction."""


@dataclass(frozen=True)
class Axis:
    """Something in which runs differ, and along which a measure can be laid out."""

    name: str
    """What runs are grouped by: `hidden_size`, `variant`."""
    title: str
    setting: Setting | None = None
    """None for the variant."""

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers."""
        setting = self.setting
        if setting is None or setting.choices or bool in setting.types:
            return False
        return bool({int, float} & {*setting.types})

    def number(self, run: RunRecord) -> float | None:
        """The run's value; None where it is no number, or its cell has no such setting."""
        if self.setting is None or not self.is_number or not has(run, self.setting):
            return None
        value = value_of(run, self.setting)
        return None if value is None else float(value)

    def text(self, run: RunRecord) -> str:
        """The run's value as the heading of a row or a column: `16`, `default`, `bi-LSTM`."""
        if self.setting is None:
            return variant_title(variant_of(run))
        if not has(run, self.setting):
            return "–"
        value = value_of(run, self.setting)
        if value is None and not self.setting.of_architecture:
            return "none"
        if self.is_number or value is None or isinstance(value, bool):
            return value_in_words(value)
        return inline_text(setting_in_words(self.setting, value))


def axes(experiment: Experiment, runs: Sequence[RunRecord]) -> dict[str, Axis]:
    """Everything in which these runs differ, by name: numbers first, then words, then the variant.

    The seed and the machine are left out, because they repeat a measurement.
    """
    settings = [
        Axis(setting.name, setting.title, setting)
        for setting in experiment.identity
        if setting.name not in ("cell", "bidirectional") and differs(runs, setting)
    ]
    settings.sort(key=lambda axis: not axis.is_number)
    if len({variant_of(run) for run in runs}) > 1:
        settings.append(Axis(VARIANT, "Variant"))
    return {axis.name: axis for axis in settings}


def is_varied(axis: Axis, known: Mapping[str, Axis], runs: Sequence[RunRecord]) -> bool:
    """Whether any runs differ in this axis alone, so that there is a line along it."""
    places: dict[tuple[str, ...], set[str]] = {}
    for run in runs:
        others = tuple(other.text(run) for other in known.values() if other.name != axis.name)
        places.setdefault(others, set()).add(axis.text(run))
    return any(len(texts) > 1 for texts in places.values())


def axis_of(known: dict[str, Axis], field: str, name: str) -> Axis:
    """The axis of a name; `BadSetting` that names the field if these runs do not differ in it."""
    if name not in known:
        here = ", ".join(known) or "nothing"
        raise BadSetting(f"{field} is {name!r}, but these runs differ in {here}")
    return known[name]


def ordered_texts(axis: Axis, groups: Sequence[Group]) -> list[str]:
    """The headings of an axis: numbers in order, after what is no number; words as they come."""
    first = {axis.text(group.runs[0]): group.runs[0] for group in reversed(groups)}
    texts = list(reversed(first))
    if not axis.is_number:
        return texts
    numbers = {text: axis.number(run) for text, run in first.items()}
    return sorted(texts, key=lambda text: (numbers[text] is not None, numbers[text] or 0.0))


@dataclass(frozen=True, eq=False)
class Pivot:
    """One measure as a table of two axes."""

    comparison: Comparison
    """Grouped by the rows' axis and the columns'."""
    result: Result
    rows: Axis
    columns: Axis
    row_texts: tuple[str, ...]
    column_texts: tuple[str, ...]
    names: dict[tuple[str, str], str]
    """(row, column) → the group that is measured there; combinations without a run are missing."""
    machine: str = ""
    """The one whose times are in the table, where there are those of several."""

    def caption(self, marked: str = "Bold") -> str:
        """What the cells, the brackets and the marked ones are, in sentences."""
        result, comparison = self.result, self.comparison
        text = f"{result.column.heading} by {self.rows.title.lower()} (rows) and "
        text += f"{self.columns.title.lower()} (columns)"
        several = {g.name: mixed(comparison.experiment, g) for g in comparison.groups}
        pooled = list(dict.fromkeys(title for titles in several.values() for title in titles))
        text += f", pooled over {listed(pooled).lower()}." if pooled else "."
        if self.machine:
            text += f" Times of {self.machine} alone, which ran last."
        if any(estimate.low is not None for estimate in result.estimates.values()):
            text += " In brackets: 95% intervals."
        if any(result.marks.values()):
            return text + f" {marked}: the best, and what is not distinguishable from it."
        if len(comparison.groups) > MAX_COMPARED:
            text += f" {len(comparison.groups)} cells are too many to test pair by pair."
        return text


def pivot(comparison: Comparison, rows: Axis, columns: Axis) -> Pivot | None:
    """Lay out a comparison that is grouped by both axes; None if nothing was measured."""
    if comparison.headline is None:
        return None
    groups, machine = comparison.groups, ""
    machines = distinct_machines(comparison.runs) if comparison.experiment.timed else {}
    if len({*machines.values()}) > 1:  # a cell has one value
        newest = max(comparison.runs, key=lambda run: run.submitted).run_id
        groups = tuple(g for g in groups if machines[g.runs[0].run_id] == machines[newest])
        machine = machine_titles(comparison.runs)[newest]
    return Pivot(
        comparison,
        comparison.headline,
        rows,
        columns,
        tuple(ordered_texts(rows, groups)),
        tuple(ordered_texts(columns, groups)),
        {(rows.text(g.runs[0]), columns.text(g.runs[0])): g.name for g in groups},
        machine,
    )
