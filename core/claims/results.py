"""What has been measured so far, as the rules of claims read it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from core.claims.claim import Facts
from core.claims.measurement import Key, Measurement, key_of
from core.experiment import Config, Experiment
from core.experiments import EXPERIMENTS
from core.statistics import Estimate

if TYPE_CHECKING:
    import pandas

Run = Mapping[str, Any]
"""A finished run: run_id, flat settings, summary. What is missing may be None or nan."""


def _no_table(run_id: str, table: str) -> None:
    """For results of which nothing but the summaries is known."""


@dataclass(frozen=True, eq=False)
class Results:
    """Finished runs, and what was computed on the spot."""

    runs: Mapping[str, pandas.DataFrame] = field(default_factory=dict)
    """Experiment name → its finished runs, oldest first: run_id, settings and summary columns."""
    table: Callable[[str, str], pandas.DataFrame | None] = _no_table
    """(run id, table name) → the rows that the run recorded; None if there are none."""
    computed: Mapping[int, Facts] = field(default_factory=dict)
    """Claim number → what its `compute` returned."""

    @cached_property
    def _by_kind(self) -> Mapping[str, Mapping[Key, Sequence[Run]]]:
        known = [e for e in EXPERIMENTS if e.name in self.runs]
        return {e.name: _grouped(e, self.runs[e.name].to_dict("records")) for e in known}

    def has(self, experiment: Experiment, config: Config) -> bool:
        """Whether there is a finished run of this kind, and of its seed where each is a run."""
        runs = self._by_kind.get(experiment.name, {}).get(key_of(experiment, config.flat()), ())
        return any(not experiment.a_run_per_seed or run["seed"] == config.seed for run in runs)

    def of(self, measurement: Measurement) -> list[Found]:
        """What was asked for and is there, in the order asked."""
        there = self._by_kind.get(measurement.experiment.name, {})
        return [
            Found(config, tuple(there[key]))
            for key, config in measurement.kinds.items()
            if key in there
        ]


@dataclass(frozen=True, eq=False)
class Found:
    """Finished runs of one kind, the newest last."""

    config: Config
    runs: tuple[Run, ...]

    @property
    def name(self) -> str:
        """`LSTM 64 · forget bias 1`."""
        return self.config.architecture.label

    @property
    def cell(self) -> str:
        """`lstm`."""
        return self.config.architecture.cell

    @property
    def run(self) -> Run:
        """That of the most seeds or repetitions; of equals the newest."""
        return max(reversed(self.runs), key=_repeats)

    @property
    def run_id(self) -> str:
        """Of `run`."""
        return str(self.run["run_id"])

    @property
    def seeds(self) -> tuple[Run, ...]:
        """Where each seed is a run: one run each, the newest."""
        return tuple({run["seed"]: run for run in self.runs}.values())

    @property
    def machines(self) -> Mapping[str, Run]:
        """Where times are measured: machine → its run of the most repetitions."""
        there: dict[str, list[Run]] = {}
        for run in self.runs:
            there.setdefault(machine_name(str(run["device"]), run["chip"]), []).append(run)
        return {name: max(reversed(runs), key=_repeats) for name, runs in there.items()}

    def estimate(self, name: str) -> Estimate:
        """A summary column of `run`."""
        return estimate_of(self.run, name)


def machine_name(device: str, chip: str) -> str:
    """`CPU (Intel …)`: two computers with the same chip are one machine here."""
    return f"{device.upper()} ({chip})"


def _repeats(run: Run) -> float:
    return number_of(run, "seeds") or number_of(run, "repetitions") or 0.0


def _grouped(experiment: Experiment, runs: Iterable[Mapping[Any, Any]]) -> dict[Key, list[Run]]:
    kinds: dict[Key, list[Run]] = {}
    for run in runs:
        kinds.setdefault(key_of(experiment, run), []).append(run)
    return kinds


def number_of(run: Run, name: str) -> float | None:
    """A column's number; None where it is empty or not there."""
    value = run.get(name)
    return None if value is None or value != value else float(value)


def estimate_of(run: Run, name: str) -> Estimate:
    """An Estimate from its four columns."""
    value, low, high = (number_of(run, f"{name}{part}") for part in ("", "_low", "_high"))
    return Estimate(value, low, high, int(number_of(run, f"{name}_n") or 0))


def evidence(*found: Found) -> tuple[str, ...]:
    """Ids of the runs that were read, each once."""
    return tuple(dict.fromkeys(one.run_id for one in found))
