"""Which runs of a comparison belong together, and what tells the groups apart.

By default runs that differ in nothing but their seeds are one group. Grouped by a setting, runs of
one value are pooled, whatever else differs among them.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from core.architecture import variant_title
from core.experiment import Experiment
from core.names import isolated, one_line
from core.samples import CIRCUMSTANCES
from core.settings import BadSetting, Setting, settings_of
from core.tracking import RunRecord
from experiments import machines
from experiments.labels import has, in_words, labels, shown, value_of, variant_of

ID_LETTERS = 8
LONGEST = 60
"""Letters of what people typed, in a name or a cell of a table."""
MOST_VALUES = 6
"""Of one setting in one group, all of which are listed."""


@dataclass(frozen=True)
class Group:
    """Runs that are read as one, oldest first."""

    name: str
    runs: tuple[RunRecord, ...]

    @property
    def variant(self) -> str:
        """`bi-lstm` if all runs are of it, else empty."""
        variants = {variant_of(run) for run in self.runs}
        return variants.pop() if len(variants) == 1 else ""


@dataclass(frozen=True)
class Line:
    """One setting, or circumstance, in which groups differ."""

    title: str
    values: Mapping[str, str]
    """Group → its value, or all of its values."""


def groupings(experiment: Experiment, runs: Sequence[RunRecord]) -> dict[str, str]:
    """What these runs can be grouped by → how that is called."""
    differing = [s for s in settings_of(experiment.config) if _differs(runs, s)]
    named = {"kind": "Kind", "run": "Run", "variant": "Variant"}
    named |= {"comparison": "Comparison", "device": "Machine"}
    taken = {"bidirectional", "device"}
    return named | {s.name: s.title for s in differing if s.name not in taken}


def grouped(experiment: Experiment, runs: Sequence[RunRecord], by: str = "") -> tuple[Group, ...]:
    """In the order in which the first run of each comes; `BadSetting` for what they have not."""
    name_of = _naming(experiment, runs, by or "kind")
    groups: dict[str, list[RunRecord]] = {}
    for run in runs:
        groups.setdefault(name_of(run), []).append(run)
    return tuple(Group(name, tuple(members)) for name, members in groups.items())


def lines(experiment: Experiment, groups: Sequence[Group]) -> tuple[Line, ...]:
    """Every setting in which the runs differ, and the machine if there are several."""
    runs = [run for group in groups for run in group.runs]
    differing = [s for s in settings_of(experiment.config) if _differs(runs, s)]
    found = [
        Line(s.title, {g.name: _values(g, lambda run, s=s: _word(run, s)) for g in groups})  # type: ignore[misc]
        for s in differing
    ]
    if len({machines.machine_of(run) for run in runs}) > 1:
        machine = {
            g.name: _values(g, lambda run: machines.in_words(machines.machine_of(run)))
            for g in groups
        }
        found.append(Line("Machine", machine))
    return tuple(found)


def _naming(
    experiment: Experiment, runs: Sequence[RunRecord], by: str
) -> Callable[[RunRecord], str]:
    named = labels(experiment, runs)
    settings = {s.name: s for s in settings_of(experiment.config)}
    ways: dict[str, Callable[[RunRecord], str]] = {
        "kind": lambda run: named[run.run_id],
        "run": lambda run: _alone(run, named[run.run_id]),
        "variant": lambda run: variant_title(variant_of(run)),
        "comparison": lambda run: _short(run.sweep or run.name),
        "device": lambda run: machines.in_words(machines.machine_of(run)) or "unknown machine",
    }
    if by in ways:
        return ways[by]
    if by not in settings:
        raise BadSetting(
            f"group_by is {by!r}; choose from {', '.join(ways)}, or a setting of "
            f"{experiment.name}: {', '.join(settings)}"
        )
    setting = settings[by]
    return lambda run: _called(run, setting)


def _called(run: RunRecord, setting: Setting) -> str:
    if not has(run, setting):
        return f"without {setting.title.lower()}"
    return _short(in_words(setting, value_of(run, setting)))


def _alone(run: RunRecord, label: str) -> str:
    seed = f"seed {run.settings.get('seed')}"
    return " · ".join([label, seed, run.run_id[:ID_LETTERS]])


def _short(text: str) -> str:
    """What people typed, on one line: if that is not all of it, its beginning and a number that
    tells it from others that begin so."""
    line = one_line(text)
    if len(line) > LONGEST or line != text:
        line = f"{line[: LONGEST - 10]}… {zlib.crc32(text.encode()):08x}"
    return isolated(line)


def _differs(runs: Sequence[RunRecord], setting: Setting) -> bool:
    """Whether runs that have a setting have it at different values."""
    return len({_word(run, setting) for run in runs if has(run, setting)}) > 1


def _word(run: RunRecord, setting: Setting) -> str:
    if not has(run, setting):
        return "–"
    value = value_of(run, setting)
    left_out = value is None and setting.path[0] != "architecture"
    return "none" if left_out else _short(shown(value))


def _values(group: Group, value: Callable[[RunRecord], str]) -> str:
    """All that occur, in order of the runs; of many the first ones and the last."""
    found = list(dict.fromkeys(value(run) for run in group.runs))
    if len(found) > MOST_VALUES:
        found = [*found[:2], f"… {found[-1]} ({len(found)} values)"]
    return ", ".join(found)


def mixed(experiment: Experiment, group: Group) -> list[str]:
    """Titles of the settings, beyond seeds and circumstances, in which a group's runs differ."""
    return [
        setting.title
        for setting in settings_of(experiment.config)
        if setting.name not in CIRCUMSTANCES and _differs(group.runs, setting)
    ]
