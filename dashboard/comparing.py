"""The comparison of picked runs, read once; and what the page says while there is none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import streamlit as st

from core.experiment import Experiment
from core.experiments import experiment_named
from core.names import among
from core.tracking import ACTIVE, RunRecord
from core.words import counted, listed
from dashboard import controls, data
from dashboard.choosing import ID_LETTERS
from dashboard.navigation import COMPARE, LAUNCH, RUNS
from dashboard.picking import KEY, MOST_PICKED, Picked
from experiments.comparing import Comparison, compare
from experiments.grouping import groupings


@st.cache_resource(show_spinner=False, max_entries=30)
def _read(
    uri: str, experiment: str, run_ids: tuple[str, ...], by: str, _runs: object
) -> Comparison:
    assert isinstance(_runs, tuple)
    return compare(experiment_named(experiment), _runs, data.reader().table, by)


def compared(experiment: Experiment, picked: Picked, prefix: str) -> Comparison:
    """The picked runs of one experiment, grouped as the address asks for."""
    runs = tuple(run for run in picked.runs if run.experiment == experiment.name)
    offered = groupings(experiment, runs)
    by = controls.choice("Group by", list(offered), f"{prefix}group", most=0, names=offered)
    ids = tuple(run.run_id for run in runs)
    found = _read(data.reader().store.uri, experiment.name, ids, by, runs)
    names = [result.column.name for result in found.results]
    return replace(found, measure=controls.value(f"{prefix}measure", names, ""))


def link(label: str, run_ids: Iterable[str]) -> None:
    """To the page, with these runs picked: of those that have not finished it says so."""
    ids = [run_id[:ID_LETTERS] for run_id in run_ids][:MOST_PICKED]
    st.page_link(COMPARE.path, label=label, icon=COMPARE.icon, query_params={KEY: ids})


def told(picked: Picked, experiments: Sequence[Experiment]) -> str:
    """Which runs these are."""
    how = "picked by hand" if picked.by_hand else "the newest comparison"
    sweeps = {run.sweep for run in picked.runs}
    if not picked.by_hand and len(sweeps) == 1:
        how = f"all of {among(sweeps.pop())}"
    said = f"{counted(len(picked.runs), 'finished run')}, {how}."
    if len(experiments) > 1:
        titles = listed([experiment.title for experiment in experiments])
        said += (
            f" They are of {len(experiments)} experiments ({titles}): measures can be compared "
            "within one only, so each has a part of its own."
        )
    return said


def nothing_yet(runs: Sequence[RunRecord]) -> None:
    """There is no finished run to compare: what comes, and where it starts."""
    active = sum(run.status in ACTIVE for run in runs)
    with st.container(border=True, key="nothing-to-compare"):
        st.subheader("Nothing to compare yet", anchor=False)
        if active:
            st.text(f"{counted(active, 'run')} on the way: they can be compared once finished.")
        elif runs:
            st.text("Every run so far failed or was cancelled.")
        else:
            st.text("As soon as two runs have finished, this page sets them side by side.")
        place = RUNS if runs else LAUNCH
        label = "Look at the runs" if runs else "Launch a comparison"
        st.page_link(place.path, label=label, icon=place.icon)
