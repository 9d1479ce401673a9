"""Which runs a results page shows: one comparison, or any by hand, here and on other machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from core.experiment import Experiment
from core.names import among
from core.tracking import RunRecord
from core.words import counted, listed
from dashboard import comparison, controls, data
from dashboard.comparison import Comparison
from dashboard.wording import moment, plain
from experiments import machines

MOST_RUNS = 500
"""In the picker of single runs; older ones are reached through their comparison."""
ID_LETTERS = 8


@dataclass(frozen=True)
class Choice:
    """The comparison that was chosen, and the finished runs to show."""

    comparison: Comparison
    runs: tuple[RunRecord, ...]


def choose(experiment: Experiment, found: Sequence[Comparison]) -> Choice:
    """The comparison in the address, or the newest one with a result; all of its finished runs.

    Of an experiment that measures times, also the same launch on every other machine.
    """
    newest = comparison.newest_readable(found) or found[0]
    place = st.container(horizontal=True, vertical_alignment="center")
    with place.popover("Choose runs", icon=":material/tune:"):
        by_name = {c.name: c for c in found}
        name = controls.pick(
            "Comparison", list(by_name), "comparison", newest.name, resets=("runs",)
        )
        chosen = by_name[name]
        beside = _beside(experiment, chosen)
        by_id = _on_offer(experiment, chosen, beside)
        names = {
            i: f"{among(run.name)} · {moment(run.submitted)} · {i}" for i, run in by_id.items()
        }
        default = [run.run_id[:ID_LETTERS] for run in (*chosen.finished, *beside)]
        picked = controls.several("Runs shown", names, "runs", default) if names else []
        st.caption("The address of this page always reopens exactly what it shows.")
    by_hand = "" if picked == default else ", chosen by hand"
    place.caption(
        plain(
            f"{counted(len(picked), 'finished run')}{by_hand} · {among(chosen.name)} · "
            f"launched {moment(chosen.launched)}{_with(beside) if not by_hand else ''}"
        )
    )
    runs = [by_id[identifier] for identifier in picked]
    return Choice(chosen, tuple(_filtered(runs) if experiment.timed else runs))


def newer(found: Sequence[Comparison], chosen: Comparison) -> None:
    """Say so when a newer comparison than the one shown has results."""
    newest = next((c for c in found if c.finished), None)
    if newest is not None and newest.launched > chosen.launched:
        st.caption(
            plain(f"A newer comparison has results: {among(newest.name)} (under “Choose runs”).")
        )


def _beside(experiment: Experiment, chosen: Comparison) -> list[RunRecord]:
    if not experiment.timed:
        return []
    return machines.elsewhere(experiment, chosen.finished, data.reader().runs(experiment.name))


def _on_offer(
    experiment: Experiment, chosen: Comparison, beside: Sequence[RunRecord]
) -> dict[str, RunRecord]:
    """Finished runs by short id: those of the comparison, the newest others, and what was asked."""
    runs = data.reader().runs(experiment.name)
    others = [r for r in reversed(runs) if r.status == "FINISHED" and r.sweep != chosen.name]
    by_id = {run.run_id[:ID_LETTERS]: run for run in (*chosen.finished, *beside, *others)}
    asked = st.query_params.get_all("runs")
    offered = dict.fromkeys([*list(by_id)[:MOST_RUNS], *(i for i in asked if i in by_id)])
    return {identifier: by_id[identifier] for identifier in offered}


def _with(beside: Sequence[RunRecord]) -> str:
    """` · with 6 from cuda, NVIDIA H100`."""
    counts: dict[str, int] = {}
    for run in beside:
        name = machines.in_words(machines.machine_of(run))
        counts[name] = counts.get(name, 0) + 1
    return f" · with {listed([f'{n} from {m}' for m, n in counts.items()])}" if counts else ""


def _filtered(runs: Sequence[RunRecord]) -> list[RunRecord]:
    """Those of the devices and precisions that were chosen, where there is more than one."""
    kept = list(runs)
    with st.container(horizontal=True, gap="medium"):
        for title, key in (("Device", "device"), ("Precision", "dtype")):
            of_run = {r.run_id: _value(r, key) for r in kept}
            offered = sorted({*of_run.values()} - {""})
            if len(offered) > 1:
                asked = controls.any_of(title, offered, key)
                kept = [r for r in kept if not asked or of_run[r.run_id] in asked]
    return kept


def _value(run: RunRecord, key: str) -> str:
    """The device that `auto` found, and any other setting as it is."""
    return run.tags.get(key) or str(run.settings.get(key, ""))
