"""Groups of runs: which runs belong together, how they are labelled, and how groups differ.

By default, runs that differ only in their seeds are one group; grouped by a setting, runs of the
same value are pooled, whatever else differs among them. What all runs have in common is left out of
a label: with one hidden size for all, `LSTM · forget bias 1` says enough. Where times are measured,
runs also differ by machine, a device of a chip in a host, and are never pooled over several.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from core.experiment import BUDGETS, WIDTH, Experiment
from core.formatting import SEPARATOR, inline_text, isolate_direction, one_line
from core.models.architecture import variant_title
from core.settings import BadSetting, Setting, Value, settings_of
from core.store.records import RunRecord

# --- Machines

MEASURED_WHERE = ("device", "chip")
"""The tags of a run that say on what it was measured."""
ACCELERATORS = ("cuda", "mps")
CHIP_NOISE = re.compile(r"\((R|TM|C)\)|\bCPU\b|\bProcessor\b|@.*$", re.IGNORECASE)
"""Parts of a processor's name that distinguish nothing."""
MAX_MACHINE_LETTERS = 48
"""The most letters of a device or a chip: they are tags of a run, which people can edit."""


class Machine(NamedTuple):
    """Where a run was measured; empty where it does not say."""

    device: str
    chip: str
    host: str = ""
    """The name of the computer, without its domain, which changes with the network."""
    imported: bool = False
    """What was imported is of another machine than what was measured here, even if that has the
    same name."""


def machine_of(run: RunRecord) -> Machine:
    """The machine that measured a run."""
    device, chip = (run.tags.get(name, "") for name in MEASURED_WHERE)
    chip = CHIP_NOISE.sub(" ", chip)
    host = run.tags.get("host", "").partition(".")[0]
    return Machine(
        inline_text(device, MAX_MACHINE_LETTERS),
        inline_text(chip, MAX_MACHINE_LETTERS),
        inline_text(host, MAX_MACHINE_LETTERS),
        bool(run.origin),
    )


def machine_in_words(machine: Machine) -> str:
    """A machine in words: `cuda, NVIDIA H100 on lab-7`."""
    where = f"on {machine.host}" if machine.host else ""
    return " ".join(filter(None, [", ".join(filter(None, machine[:2])), where]))


def machine_title(device: str, chip: str, host: str = "") -> str:
    """A machine as claims and scorecards name it: `CPU (Intel …) on lab-7`."""
    return f"{device.upper()} ({chip})" + (f" on {host}" if host else "")


def hosts_to_name(runs: Iterable[RunRecord]) -> dict[str, str]:
    """Run id → the computer, where device and chip do not tell its machine from another one's;
    else empty. Of one that does not say its name, nothing is known but that it was imported."""
    machines = {run.run_id: machine_of(run) for run in runs}
    computers: dict[tuple[str, str], set[tuple[str, bool]]] = {}
    for m in machines.values():
        if m.host or m.imported:
            computers.setdefault((m.device, m.chip), set()).add((m.host, m.imported))
    named = {}
    for run_id, m in machines.items():
        others = computers.get((m.device, m.chip), set()) - {(m.host, m.imported)}
        twice = (m.host, False) in others and m.imported
        text = m.host or ("another computer" if m.imported else "")
        named[run_id] = f"{text}{' (imported)' if twice else ''}" if others else ""
    return named


def machine_titles(runs: Iterable[RunRecord]) -> dict[str, str]:
    """Run id → its machine in words, with the host where `hosts_to_name` gives one."""
    runs = list(runs)
    hosts = hosts_to_name(runs)
    return {r.run_id: machine_in_words(machine_of(r)._replace(host=hosts[r.run_id])) for r in runs}


def elsewhere(
    experiment: Experiment, chosen: Sequence[RunRecord], runs: Sequence[RunRecord]
) -> list[RunRecord]:
    """Runs of the same settings on other machines: from each, those of its newest sweep.

    Variants may differ, and so may settings that only some cells have. Runs with other settings
    are not added automatically, but can be chosen by hand.
    """
    cell_settings = [setting.name for setting in experiment.identity if setting.cells]

    def shape(run: RunRecord) -> Identity:
        left_out = ("cell", "bidirectional", "threads", *cell_settings)
        return identity_of(experiment, run.settings, left_out)

    shapes = {shape(run) for run in chosen}
    newest: dict[Machine, str] = {machine_of(run): "" for run in chosen}
    others: list[RunRecord] = []
    for run in sorted(runs, key=lambda r: r.submitted, reverse=True):
        if run.status != "FINISHED" or shape(run) not in shapes:
            continue
        name = run.sweep or run.run_id
        if newest.setdefault(machine_of(run), name) == name:
            others.append(run)
    return others[::-1]


def without_accelerator(runs: Iterable[RunRecord]) -> bool:
    """Whether no finished run was measured on a GPU."""
    return all(machine_of(r)[0] not in ACCELERATORS for r in runs if r.status == "FINISHED")


# --- What makes two runs one measurement

Identity = tuple[Value, ...]


def identity_of(
    experiment: Experiment, settings: Mapping[str, Value], without: Collection[str] = ()
) -> Identity:
    """Values of the settings that decide what a run measures, except those in `without`.

    They are equal for repeats of the run. A setting that is newer than the run is at its default.
    If something else is left out, so is a hidden size that a budget decides: it depends on the
    cell, on the directions, and in a whole model on its attention.
    """
    resized = bool(without) and any(settings.get(name) is not None for name in BUDGETS)
    left_out = {*without, *((WIDTH,) if resized else ())}
    return tuple(
        settings.get(setting.name, setting.default)
        for setting in experiment.identity
        if setting.name not in left_out
    )


# --- Labels

MACHINE = "machine"
"""In `without`, leaves the machine out of labels whose context names it already."""


def labels(
    experiment: Experiment, runs: Sequence[RunRecord], without: Collection[str] = ()
) -> dict[str, str]:
    """Run id → label: the variant, and what distinguishes it from other runs of its cell."""
    parts = distinctions(experiment, runs, without)
    return {r.run_id: " · ".join([variant_title(variant_of(r)), *parts[r.run_id]]) for r in runs}


def distinctions(
    experiment: Experiment, runs: Sequence[RunRecord], without: Collection[str] = ()
) -> dict[str, list[str]]:
    """Run id → each setting that distinguishes runs of its cell, and its machine if times are
    measured on several; `without` leaves settings out, or the machine."""
    left_out = {"cell", "bidirectional", *without}
    settings = [s for s in experiment.identity if s.name not in left_out]
    differing = [s for s in settings if len({value_of(run, s) for run in runs if has(run, s)}) > 1]
    machines = distinct_machines(runs) if experiment.timed and MACHINE not in without else {}
    parts = {}
    for run in runs:
        parts[run.run_id] = [
            setting_in_words(s, value_of(run, s)) for s in differing if has(run, s)
        ]
        parts[run.run_id] += filter(None, [machines.get(run.run_id)])
    return parts


def distinct_machines(runs: Sequence[RunRecord]) -> dict[str, str]:
    """Run id → as much of its machine as tells it from the machines of the others.

    A queued run has no machine yet, so there is nothing to say.
    """
    machines = {run.run_id: machine_of(run) for run in runs}
    hosts = hosts_to_name(runs)
    devices, chips = ({m[part] for m in machines.values()} - {""} for part in (0, 1))
    return {
        run_id: machine_in_words(
            Machine(
                m.device if len(devices) > 1 else "",
                m.chip if len(chips) > 1 else "",
                hosts[run_id],
            )
        )
        for run_id, m in machines.items()
    }


def by_value(experiment: Experiment, runs: Sequence[RunRecord], by: str = "") -> list[RunRecord]:
    """The runs in the order of charts and tables: by the settings in `by` if it names any, then
    variant by variant as they come, and each variant's by the settings in which it differs.

    Numbers are in order of size, after the default and before runs without the setting;
    words as they come.
    """
    settings = {s.name: s for s in settings_of(experiment.config)}
    resized = any(run.settings.get(name) is not None for run in runs for name in BUDGETS)
    left_out = WIDTH if resized else ""  # a budget gives each cell a width of its own
    differing = [s for s in experiment.identity if s.name != left_out and differs(runs, s)]
    order = [settings[name] for one in by.split(",") if (name := one.strip()) in settings]
    variants = list(dict.fromkeys(map(variant_of, runs)))

    def key(run: RunRecord) -> tuple[float, ...]:
        first, rest = ([_place(run, s) for s in part] for part in (order, differing))
        return (*first, variants.index(variant_of(run)), *rest)

    return sorted(runs, key=key)


def _place(run: RunRecord, setting: Setting) -> float:
    value = value_of(run, setting)
    if not has(run, setting):
        return math.inf
    if value is None:
        return -math.inf
    return float(value) if isinstance(value, int | float) else 0.0


def shared_settings(settings: Sequence[Setting], runs: Sequence[RunRecord]) -> list[str]:
    """`1 layer`, `hidden size 64`: those of the settings that all runs have at one value."""
    shared = []
    for setting in settings:
        values = {run.settings.get(setting.name) for run in runs}
        if setting.name in ("cell", "bidirectional") or len(values) != 1 or values & {None, ""}:
            continue
        (value,) = values
        shared.append(
            setting_in_words(setting, value)
            if setting.noun
            else f"{setting.title.lower()} {value_in_words(value)}"
        )
    return shared


def setting_in_words(setting: Setting, value: Value) -> str:
    """`forget bias 1`, `orthogonal`, `no attention`: a setting as a legend writes it."""
    if setting.noun:
        return setting.kind(value)
    if value is None and not setting.of_architecture:
        return f"no {setting.title.lower()}"
    speaks_for_itself = setting.choices and value is not None and str(value) != "torch"
    return str(value) if speaks_for_itself else f"{setting.title.lower()} {value_in_words(value)}"


def value_in_words(value: Value) -> str:
    """`0.5`, `on`, `1,024`, `default`: a setting's value as people read it."""
    if value is None:
        return "default"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else value


def variant_of(run: RunRecord) -> str:
    """The run's variant: `bi-lstm`."""
    return ("bi-" if run.settings.get("bidirectional") else "") + cell_of(run)


def cell_of(run: RunRecord) -> str:
    return str(run.settings.get("cell", ""))


def has(run: RunRecord, setting: Setting) -> bool:
    """Whether the run's cell has a setting."""
    return setting.belongs_to(cell_of(run))


def value_of(run: RunRecord, setting: Setting) -> Value:
    """The run's value of a setting; of a setting that is newer than the run, its default."""
    return run.settings.get(setting.name, setting.default)


# --- Groups

ID_LETTERS = 8
MAX_TEXT = 60
"""The most letters of typed text in a name or a cell of a table."""
MAX_VALUES = 6
"""The most values of a setting in one group that are all listed."""


@dataclass(frozen=True)
class Group:
    """Runs that are analysed as one, oldest first."""

    name: str
    runs: tuple[RunRecord, ...]

    @property
    def variant(self) -> str:
        """`bi-lstm` if all runs are of it, else empty."""
        variants = {variant_of(run) for run in self.runs}
        return variants.pop() if len(variants) == 1 else ""

    @property
    def settings(self) -> Mapping[str, Value]:
        """The settings of the newest run."""
        return self.runs[-1].settings


@dataclass(frozen=True)
class SettingDifference:
    """One setting, or the machine, in which groups differ."""

    title: str
    values: Mapping[str, str]
    """Group → its value, or all of its values."""


def groupings(experiment: Experiment, runs: Sequence[RunRecord]) -> dict[str, str]:
    """`group_by` → its title, for every way in which these runs can be grouped."""
    names = {"kind": "Kind", "run": "Run", "variant": "Variant"}
    names |= {"sweep": "Sweep", "device": "Machine"}
    settings = [s for s in settings_of(experiment.config) if differs(runs, s)]
    return names | {s.name: s.title for s in settings if s.name not in ("bidirectional", "device")}


def grouped(experiment: Experiment, runs: Sequence[RunRecord], by: str = "") -> tuple[Group, ...]:
    """Groups by variant and value (see `by_value`), in each its runs as they come; `BadSetting` for
    an unknown `by`.

    `by` may be several, separated by commas: runs are then one group if they agree in all of them.
    Times of several machines are never in one group.
    """
    several = _several(by or "kind")
    namings = [_naming(experiment, runs, one) for one in several]
    if experiment.timed and not {"kind", "run", "device"} & {*several}:
        machines = distinct_machines(runs)
        if any(machines.values()):
            namings.append(lambda run: machines[run.run_id])

    def name_of(run: RunRecord) -> str:
        return SEPARATOR.join(filter(None, (naming(run) for naming in namings)))

    groups: dict[str, list[RunRecord]] = {
        name_of(run): [] for run in by_value(experiment, runs, by)
    }
    for run in runs:
        groups[name_of(run)].append(run)
    return tuple(Group(name, tuple(members)) for name, members in groups.items())


def _several(by: str) -> list[str]:
    return [one.strip() for one in by.split(",")]


def _naming(
    experiment: Experiment, runs: Sequence[RunRecord], by: str
) -> Callable[[RunRecord], str]:
    """The function from a run to the name of its group."""
    names = labels(experiment, runs)
    settings = {s.name: s for s in settings_of(experiment.config)}
    sweeps = {run.sweep: run.sweep_name for run in runs}
    named = len({*sweeps.values()}) == len(sweeps)
    machines = machine_titles(runs)
    ways: dict[str, Callable[[RunRecord], str]] = {
        "kind": lambda run: names[run.run_id],
        "run": lambda run: " · ".join(
            [names[run.run_id], f"seed {run.settings.get('seed')}", run.original_id[:ID_LETTERS]]
        ),
        "variant": lambda run: variant_title(variant_of(run)),
        "sweep": lambda run: _distinct_text((run.sweep_name if named else run.sweep) or run.name),
        "device": lambda run: machines[run.run_id] or "unknown machine",
    }
    if by in ways:
        return ways[by]
    if by not in settings:
        raise BadSetting(
            f"group_by is {by!r}; choose from {', '.join(ways)}, or a setting of "
            f"{experiment.name}: {', '.join(settings)}"
        )
    setting = settings[by]

    def value(run: RunRecord) -> str:
        if not has(run, setting):
            return f"without {setting.title.lower()}"
        return _distinct_text(setting_in_words(setting, value_of(run, setting)))

    return value


def setting_differences(
    experiment: Experiment, groups: Sequence[Group]
) -> tuple[SettingDifference, ...]:
    """Every setting in which the runs differ, and the machine if there are several."""
    runs = [run for group in groups for run in group.runs]
    lines = [
        SettingDifference(
            setting.title,
            {g.name: _listed_values([_value_text(run, setting) for run in g.runs]) for g in groups},
        )
        for setting in settings_of(experiment.config)
        if differs(runs, setting)
    ]
    if len({machine_of(run) for run in runs}) > 1:
        titles = machine_titles(runs)
        machines = {g.name: _listed_values([titles[run.run_id] for run in g.runs]) for g in groups}
        lines.append(SettingDifference("Machine", machines))
    return tuple(lines)


def mixed(experiment: Experiment, group: Group) -> list[str]:
    """Titles of the settings that decide what is measured and differ within a group."""
    return [s.title for s in experiment.identity if differs(group.runs, s)]


def differs(runs: Sequence[RunRecord], setting: Setting) -> bool:
    """Whether runs that have a setting have it at different values."""
    return len({_value_text(run, setting) for run in runs if has(run, setting)}) > 1


def _value_text(run: RunRecord, setting: Setting) -> str:
    if not has(run, setting):
        return "–"
    value = value_of(run, setting)
    left_out = value is None and not setting.of_architecture
    return "none" if left_out else _distinct_text(value_in_words(value))


def _listed_values(texts: Sequence[str]) -> str:
    """All values that occur, in order of the runs; of many the first two and the last."""
    values = list(dict.fromkeys(texts))
    if len(values) > MAX_VALUES:
        values = [*values[:2], f"… {values[-1]} ({len(values)} values)"]
    return ", ".join(values)


def _distinct_text(text: str) -> str:
    """Typed text on one line; if it is shortened or changed, its beginning and a checksum, so that
    texts that begin alike stay distinct."""
    line = one_line(text)
    if len(line) > MAX_TEXT or line != text:
        line = f"{line[: MAX_TEXT - 10]}… {zlib.crc32(text.encode()):08x}"
    return isolate_direction(line)
