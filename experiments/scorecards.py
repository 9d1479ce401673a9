"""A store's scorecard: what was measured, chosen by name; the same for the page and for files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import pandas

from core.architecture import Architecture
from core.claims import Results, Verdict
from core.claims.gates import DEFAULT_START
from core.claims.properties import PROPERTIES
from core.experiments import experiment_named
from core.names import among
from core.scorecard.basis import Record
from core.scorecard.card import Scorecard, scorecard
from core.scorecard.choices import kinds_there
from core.scorecard.terms import Terms
from core.settings import BadSetting
from core.tracking import RunRecord

Read = Callable[[RunRecord, str], "pandas.DataFrame | None"]
OF_PROPERTIES = (*PROPERTIES.measurements, DEFAULT_START)
"""The runs that the chapter's table of the three cells is filled from."""


class Shelf:
    """The finished runs of one store; what was understood of a run once stays."""

    def __init__(self, table: Read) -> None:
        self._read = table
        self._known: dict[str, Record] = {}
        self._properties: dict[str, bool] = {}

    def at(self, runs: Iterable[RunRecord]) -> Shelved:
        """As the store is now; runs oldest first."""
        finished = {run.run_id: run for run in runs if run.status == "FINISHED"}
        for run_id, run in finished.items():
            if run_id not in self._known:
                self._known[run_id] = record_of(run)
                self._properties[run_id] = _is_of_properties(run)
        records = [self._known[run_id] for run_id in finished]
        of_properties = [run for run_id, run in finished.items() if self._properties[run_id]]
        return Shelved(finished, records, of_properties, self._read)


class Shelved:
    """What there is to choose from, and what comes of a choice."""

    def __init__(
        self,
        runs: Mapping[str, RunRecord],
        records: Sequence[Record],
        of_properties: Sequence[RunRecord],
        read: Read,
    ) -> None:
        self.runs = runs
        """Run id → every finished run."""
        self.records = records
        self._of_properties = of_properties
        self._read = read

    @cached_property
    def kinds(self) -> Mapping[str, Architecture]:
        """Every possible column."""
        return kinds_there(self.records)

    def table(self, run_id: str, name: str) -> pandas.DataFrame | None:
        """What a run has recorded."""
        return self._read(self.runs[run_id], name)

    def scorecard(self, kinds: Sequence[str], terms: Terms, machine: str = "") -> Scorecard:
        """Of these columns."""
        chosen = [self.kinds[kind] for kind in kinds]
        return scorecard(self.records, chosen, terms, self.table, machine)

    def properties(self) -> Verdict:
        """The chapter's table of the three cells, filled from this store."""
        lines: dict[str, list[dict[str, Any]]] = {}
        for run in self._of_properties:
            summary = experiment_named(run.experiment).summary
            rows = self._read(run, summary.table)
            if rows is not None and not rows.empty:
                line = {"run_id": run.run_id, **run.settings, **rows.iloc[-1]}
                lines.setdefault(run.experiment, []).append(line)
        frames = {name: pandas.DataFrame(found) for name, found in lines.items()}
        return PROPERTIES.verdict(Results(frames, self.table))


def record_of(run: RunRecord) -> Record:
    """A run of the store as scorecards read it."""
    device, chip = (among(run.tags.get(name, "")) for name in ("device", "chip"))
    return Record(run.run_id, run.experiment, run.settings, device, chip)


def _is_of_properties(run: RunRecord) -> bool:
    try:
        return any(
            m.experiment.name == run.experiment and m.includes(run.settings) for m in OF_PROPERTIES
        )
    except (KeyError, TypeError, ValueError):  # recorded by a version with other settings
        return False


def kinds_named(asked: Iterable[str], there: Mapping[str, Architecture]) -> list[str]:
    """`lstm` or `LSTM · forget bias 1` → kinds; `BadSetting` for what nobody has measured."""
    by_name = {kind.lower(): kind for kind in there}
    by_name |= {a.variant: kind for kind, a in there.items() if a.kind == _plain(a)}
    found = []
    for name in asked:
        kind = by_name.get(" ".join(name.lower().split()))
        if kind is None:
            raise BadSetting(f"variants has {name!r}; choose from {', '.join(by_name)}")
        found.append(kind)
    return list(dict.fromkeys(found))


def _plain(architecture: Architecture) -> str:
    return Architecture(cell=architecture.cell, bidirectional=architecture.bidirectional).kind


def machine_named(asked: str, there: Sequence[str]) -> str:
    """The one machine whose name has these letters in it; `BadSetting` for none or several."""
    found = [name for name in there if asked.lower() in name.lower()]
    if len(found) != 1:
        raise BadSetting(
            f"machine is {asked!r}, which fits {len(found)} of {', '.join(there) or 'none'}"
        )
    return found[0]
