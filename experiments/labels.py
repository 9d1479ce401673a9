"""What a run is called beside others: its variant, and what tells it apart from them.

What all runs have in common is left out: with one hidden size for all, `LSTM · forget bias 1` says
enough. Where times are measured, the machine is one of the things that tell runs apart.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from core.architecture import CELL_TITLES, variant_title
from core.experiment import Experiment
from core.settings import Setting, Value, settings_of
from core.tracking import RunRecord
from experiments import machines

NOT_TOLD_APART = ("cell", "bidirectional", "seed", "seeds", "device", "threads")
"""The variant is named anyway, repetitions are pooled, and machines are told by what they are."""

MACHINE = "machine"
"""Leaves the machine out, for words that name it themselves."""


def labels(
    experiment: Experiment, runs: Sequence[RunRecord], without: Collection[str] = ()
) -> dict[str, str]:
    """Run id → label: the variant, and what tells runs of its cell apart but for `without`."""
    told = distinctions(experiment, runs, without)
    return {r.run_id: " · ".join([variant_title(variant_of(r)), *told[r.run_id]]) for r in runs}


def distinctions(
    experiment: Experiment, runs: Sequence[RunRecord], without: Collection[str] = ()
) -> dict[str, list[str]]:
    """Run id → each setting that tells runs of its cell apart, and its machine if it matters."""
    left_out = {*NOT_TOLD_APART, *without}
    settings = {s.name: s for s in settings_of(experiment.config) if s.name not in left_out}
    seen: dict[str, set[Value]] = {name: set() for name in settings}
    for run in runs:
        for name, setting in settings.items():
            if has(run, setting):
                seen[name].add(value_of(run, setting))
    told = [setting for name, setting in settings.items() if len(seen[name]) > 1]
    on = machines.told_apart(runs) if experiment.timed and MACHINE not in without else {}
    return {
        run.run_id: [in_words(s, value_of(run, s)) for s in told if has(run, s)]
        + [words for words in (on.get(run.run_id, ""),) if words]
        for run in runs
    }


def in_words(setting: Setting, value: Value) -> str:
    """`forget bias 1`, `orthogonal`, `no attention`: a setting as a legend writes it."""
    if setting.noun:
        return setting.kind(value)
    if value is None and setting.path[0] != "architecture":
        return f"no {setting.title.lower()}"
    speaks_for_itself = setting.choices and value is not None and str(value) != "torch"
    return str(value) if speaks_for_itself else f"{setting.title.lower()} {shown(value)}"


def shown(value: Value) -> str:
    """`0.5`, `on`, `1,024`, `as drawn`: a value as people read it."""
    if value is None:
        return "as drawn"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else value


def variant_of(run: RunRecord) -> str:
    """`bi-lstm`."""
    return ("bi-" if run.settings.get("bidirectional") else "") + cell_of(run)


def cell_of(run: RunRecord) -> str:
    """`lstm`."""
    return str(run.settings.get("cell", ""))


def has(run: RunRecord, setting: Setting) -> bool:
    """Whether the run's cell has a setting."""
    return cell_of(run) in (setting.cells or CELL_TITLES)


def value_of(run: RunRecord, setting: Setting) -> Value:
    """What the run has a setting at; of one that is newer than the run, its default."""
    return run.settings.get(setting.name, setting.default)
