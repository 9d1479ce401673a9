"""Finished runs' models at work: which ones, and what they make of a source.

Here and in `exploring` the dashboard loads torch, and only once somebody asks for a translation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from core.experiments.length_quality import LENGTH_QUALITY
from core.settings import BadSetting
from core.tracking import RunRecord, open_store
from dashboard import comparison, controls, data
from dashboard.choosing import ID_LETTERS, MOST_RUNS
from dashboard.reader import keep_what_is_loaded
from dashboard.wording import moment
from experiments.labels import labels

if TYPE_CHECKING:
    from core.experiments.length_quality_translating import Translation, Translator

MOST_MODELS = 8
"""Kept in memory."""
USUALLY = 4
"""Models side by side, unless the address asks for others."""


def finished() -> list[RunRecord]:
    """Every run whose model can be asked, the newest first."""
    runs = data.reader().runs(LENGTH_QUALITY.name)
    return [run for run in reversed(runs) if run.status == "FINISHED"][:MOST_RUNS]


def choose(offered: Sequence[RunRecord]) -> list[RunRecord]:
    """The runs in the address; else the first seed of each model of the newest comparison."""
    by_id = {run.run_id[:ID_LETTERS]: run for run in offered}
    called = {
        run.run_id: label
        for launched in comparison.comparisons(offered[::-1])
        for run, label in _told_apart(launched.runs)
    }
    names = {short: f"{called[run.run_id]} · {_when(run)}" for short, run in by_id.items()}
    default = [run.run_id[:ID_LETTERS] for run in first_seeds(offered)[:USUALLY]]
    picked = controls.several("Models", names, "runs", default)
    return [by_id[short] for short in picked[:MOST_MODELS]]


def _told_apart(runs: Sequence[RunRecord]) -> list[tuple[RunRecord, str]]:
    """Each run, with what tells it from those that it was launched with, and its task."""
    found = labels(LENGTH_QUALITY, runs, without=("task",))
    return [(run, f"{found[run.run_id]} · {run.settings['task']}") for run in runs]


def _when(run: RunRecord) -> str:
    return f"seed {run.settings['seed']} · {moment(run.submitted)}"


def first_seeds(offered: Sequence[RunRecord]) -> list[RunRecord]:
    """Of the newest comparison, one run per label: the one of the lowest seed."""
    newest = comparison.newest_readable(comparison.comparisons(offered[::-1]))
    runs = newest.finished if newest else ()
    named = labels(LENGTH_QUALITY, runs)
    firsts: dict[str, RunRecord] = {}
    for run in sorted(runs, key=lambda run: int(str(run.settings["seed"]))):
        firsts.setdefault(named[run.run_id], run)
    return [run for run in runs if run in firsts.values()]


def named(runs: Sequence[RunRecord]) -> dict[str, str]:
    """Run id → label; where one label has several runs, each with its seed."""
    found = labels(LENGTH_QUALITY, runs)
    if len(set(found.values())) == len(runs):
        return found
    return {run.run_id: f"{found[run.run_id]} · seed {run.settings['seed']}" for run in runs}


class Sample(NamedTuple):
    """What is known of a source that models were tested on."""

    words: int
    reference: str


def samples(runs: Sequence[RunRecord]) -> dict[str, Sample]:
    """Sources that the runs were tested on and kept, the shortest first."""
    found: dict[str, Sample] = {}
    for run in runs:
        table = data.reader().table(run, "samples")
        for row in () if table is None else table.to_dict("records"):
            sample = Sample(int(row["length"]), str(row["reference"]))
            found.setdefault(str(row["source"]), sample)
    return dict(sorted(found.items(), key=lambda pair: pair[1].words))


def translate(run: RunRecord, text: str, width: int) -> Translation:
    """What a run's model makes of a source. Raises `BadSetting` with a sentence if it cannot."""
    return translator(data.reader().store.uri, run.run_id).translate(text, width)


@st.cache_resource(show_spinner="Loading the model…", max_entries=MOST_MODELS)
def translator(uri: str, run_id: str) -> Translator:
    """A run's model. Raises `BadSetting` with a sentence if it cannot be had."""
    folder = open_store(uri).artifact(run_id, "model")
    if folder is None:
        raise BadSetting("this run has kept no model; run it again to have one")
    load_torch()
    from core.experiments.length_quality_translating import Translator

    return Translator.load(folder)


@st.cache_resource(show_spinner="Loading PyTorch: once, a few seconds…")
def load_torch() -> None:
    """Nothing here gains from more than one thread, and runs need the others."""
    import torch

    import core.experiments.length_quality_translating  # noqa: F401

    torch.set_num_threads(1)
    keep_what_is_loaded()
