"""Which runs measure a claim, and which finished runs are among them.

A run counts if it has exactly the settings that are asked for, whatever its seeds, repetitions and
device; if it is timed, its threads count too.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from core.experiment import Config, Experiment
from core.settings import Setting, Value, settings_of

Key = tuple[Value, ...]
"""The settings of a run but for what merely repeats it: equal for runs of one kind."""
REPEATS = ("seed", "seeds", "repetitions", "device")
"""What may differ between runs of one kind."""


@dataclass(frozen=True)
class Measurement:
    """Some variants of one experiment under some settings."""

    title: str
    experiment: Experiment
    variants: tuple[str, ...]
    settings: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    preset: str = ""

    def configs(self) -> list[Config]:
        """The validated configs, one run each."""
        return self.experiment.configs(self.variants, self.settings, self.preset)

    @cached_property
    def kinds(self) -> Mapping[Key, Config]:
        """One config of each kind of run, in order."""
        kinds: dict[Key, Config] = {}
        for config in self.configs():
            kinds.setdefault(key_of(self.experiment, config.flat()), config)
        return kinds

    def includes(self, settings: Mapping[str, Any]) -> bool:
        """Whether a run of the experiment with these flat settings is one of those asked for."""
        return key_of(self.experiment, settings) in self.kinds


def key_of(experiment: Experiment, settings: Mapping[str, Any]) -> Key:
    """From flat settings, as a config or a table has them."""
    return tuple(
        _plain(setting, settings.get(setting.name, setting.default))
        for setting in _deciding(experiment.config, experiment.timed)
    )


@functools.cache
def _deciding(config: type[Config], timed: bool) -> tuple[Setting, ...]:
    free = REPEATS if timed else (*REPEATS, "threads")
    return tuple(setting for setting in settings_of(config) if setting.name not in free)


def _plain(setting: Setting, value: Any) -> Value:
    """A table makes 1 of True, 1.0 of 1 and nan of None, and of what older runs do not have."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None if setting.optional else setting.default
    if bool in setting.types:
        return bool(value)
    return float(value) if {int, float} & {*setting.types} else str(value)
