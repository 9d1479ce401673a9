"""What the pages read from the store, the worker, MLflow and the calculator."""

from __future__ import annotations

import functools
import json
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

import pandas
import streamlit as st

from core.analysis import sweeps as grouping
from core.analysis.comparison import Comparison, compare
from core.analysis.runs import MeasuredRun, per_seed_values
from core.analysis.sentences import answer
from core.experiment import Experiment
from core.experiments import experiment_named
from core.store import folder
from core.store.records import TAG_SWEEP, RunRecord
from core.store.tracking import MODEL, Store
from dashboard import access
from dashboard.store.reader import Reader, open_reader
from dashboard.store.sweeps import Sweep, sweeps
from experiments import calculator, worker
from experiments.export import csv_text
from experiments.scorecards import ScorecardIndex, ScorecardSnapshot
from experiments.suites import headline_rank

T = TypeVar("T")

MLFLOW_VARIABLE = "UNROLL_MLFLOW_URL"
"""The address of this store's MLflow UI; `python -m experiments serve` sets it."""


def reader() -> Reader:
    """The reader of the store that is configured now. Raises `StoreError`."""
    return open_reader(folder.tracking_uri())


class _Question:
    """One question to the calculator, and its answer once there is one."""

    def __init__(self) -> None:
        self.asking = threading.Lock()
        self.answer: list[Any] = []


def calculated(function: str, most: int, says: str = "Computing…") -> Callable[..., Any]:
    """A function of `experiments.calculations`: the calculator beside this process computes it,
    and that many of its answers are kept here. Of several sessions that ask the same one asks, and
    the others wait; who leaves meanwhile loses no answer."""

    @functools.lru_cache(maxsize=most)
    def question(*_given: Any) -> _Question:
        return _Question()

    def ask(*given: Any) -> Any:
        asked = question(*given)
        if not asked.answer:
            loading = "Loading PyTorch (a few seconds)…"
            with st.spinner(says if calculator.has_answered() else loading), asked.asking:
                if not asked.answer:
                    asked.answer.append(calculator.ask(function, *given))
        return asked.answer[0]

    return ask


def dark() -> bool:
    """Whether the person looks at a dark page."""
    return st.context.theme.type == "dark"


def store() -> Store:
    """The store, used by the person at the page: what they may not do, it refuses."""
    return reader().store.by(access.person())


def sweeps_of(experiment: Experiment) -> list[Sweep]:
    """Every sweep of an experiment, the newest first; archived ones only if the address asks."""
    asked = st.query_params.get_all("sweep")
    every = sweeps(reader().runs(experiment.name, archived=True))
    put_away = [s for s in every if s.name in asked and all(run.archived for run in s.runs)]
    shown = [*sweeps(reader().runs(experiment.name)), *put_away]
    return sorted(shown, key=lambda sweep: sweep.launched, reverse=True)


_derived: dict[tuple[str, ...], tuple[list[RunRecord], Any]] = {}
"""What it is, of which store → the runs that it was derived from, and the result."""

_deriving: defaultdict[tuple[str, ...], threading.RLock] = defaultdict(threading.RLock)
"""Of each of these, what is held by the session that computes it."""


def derived(what: str, runs: list[RunRecord], compute: Callable[[], T]) -> T:
    """A result that depends on a list of the reader's runs alone, computed once for all sessions:
    the reader's list is the same one until something has changed."""
    key = reader().store.uri, what
    with _deriving[key]:  # of several sessions that want it one computes, and the others wait
        known = _derived.get(key)
        if known is None or known[0] is not runs:
            known = _derived[key] = (runs, compute())
    result: T = known[1]
    return result


def headline(experiment: Experiment) -> Sweep | None:
    """The sweep that pages show for an experiment unless they are asked for another."""
    runs = reader().runs(experiment.name)

    def choose() -> Sweep | None:
        launches = sweeps(runs)
        return grouping.headline(
            experiment, launches, reader().table, headline_rank, _fetch_summaries
        )

    return derived(f"headline of {experiment.name}", runs, choose)


def comparison(experiment: Experiment, runs: Sequence[RunRecord], by: str = "") -> Comparison:
    """The comparison of finished runs, computed once for all sessions, until they are renamed."""
    called = tuple((run.run_id, run.name, run.sweep_name) for run in runs)
    return _comparison(reader().store.uri, experiment.name, called, by, tuple(runs))


@st.cache_resource(show_spinner=False, max_entries=30)
def _comparison(
    uri: str,
    experiment: str,
    called: tuple[tuple[str, str, str], ...],
    by: str,
    _runs: Sequence[RunRecord],
) -> Comparison:
    return _compared(experiment_named(experiment), _runs, by)


def _compared(experiment: Experiment, runs: Sequence[RunRecord], by: str = "") -> Comparison:
    """A comparison, all that it reads being fetched at once."""
    fetch_values(experiment, runs)
    return compare(experiment, runs, reader().table, by)


def _fetch_summaries(runs: Sequence[RunRecord]) -> None:
    """Fetch at once the summaries of runs of one experiment, where a server has them."""
    for name in {run.experiment for run in runs}:
        summary = experiment_named(name).summary.table
        away = reader().away(runs, summary)
        reader().fetch(functools.partial(reader().table, run, summary) for run in away)


def fetch_values(experiment: Experiment, runs: Sequence[RunRecord]) -> None:
    """Fetch at once what comparisons and scorecards read of these runs, where a server has it."""
    table = reader().table
    measured = (
        MeasuredRun(run.run_id, run.settings, functools.partial(table, run))
        for run in reader().away(runs, experiment.summary.table)
    )
    reader().fetch(functools.partial(per_seed_values, experiment, [run]) for run in measured)


def snapshot() -> ScorecardSnapshot:
    """The finished runs as scorecards read them; each is prepared once for all pages."""
    return _scorecards(reader().store.uri).at(reader().runs())


@st.cache_resource(show_spinner=False, max_entries=2)
def _scorecards(uri: str) -> ScorecardIndex:
    return ScorecardIndex(lambda run, name: reader().table(run, name), fetch_values)


def answer_of(experiment: Experiment, runs: Sequence[RunRecord]) -> str:
    """The answer of finished runs in a sentence or two, computed once for all sessions."""
    ids = tuple(run.run_id for run in runs)
    return _answer(reader().store.uri, experiment.name, ids, tuple(runs))


@st.cache_data(show_spinner=False, max_entries=1000)
def _answer(uri: str, experiment: str, run_ids: tuple[str, ...], _runs: Sequence[RunRecord]) -> str:
    return answer(_compared(experiment_named(experiment), _runs))


def worker_status() -> worker.WorkerStatus | None:
    """The worker that serves this store, if one is alive."""
    return worker.worker_status(reader().store)


def exact_rows(runs: Sequence[RunRecord], labels: Mapping[str, str], table: str) -> str:
    """A table of several runs as CSV, every number exactly as it was recorded."""
    frames = []
    for run in runs:
        with reader().store.artifact(run.run_id, f"tables/{table}.csv") as path:
            if path is None:
                continue
            recorded = pandas.read_csv(path, dtype=str, keep_default_na=False)
        recorded.insert(0, "run_id", run.run_id)
        recorded.insert(1, "label", labels[run.run_id])
        frames.append(recorded)
    return csv_text(pandas.concat(frames, ignore_index=True)) if frames else ""


@st.cache_data(show_spinner=False, max_entries=100)
def model_files(uri: str, run_id: str) -> dict[str, int]:
    """The model files of a finished run → their size in bytes."""
    return open_reader(uri).store.files(run_id, MODEL)


def mlflow_link(record: RunRecord) -> str | None:
    """The address of a run in the MLflow UI, or None if no MLflow UI is known."""
    path = f"experiments/{quote(record.experiment_id)}/runs/{quote(record.run_id)}"
    return _mlflow(f"{path}?workflowType=machine_learning")


def mlflow_comparison_link(runs: Sequence[RunRecord]) -> str | None:
    """The address of these runs in the MLflow UI, or None if no MLflow UI is known.

    One sweep is a search for its tag, which also finds runs that join it later; any other runs are
    MLflow's own comparison of them.
    """
    ids, names = sorted({run.experiment_id for run in runs}), {run.sweep for run in runs}
    (name,) = names if len(names) == 1 else ("",)
    mark = next((mark for mark in ("'", '"') if mark not in name), "")
    experiments = quote(json.dumps(ids), safe="")
    if not name or not mark:  # a filter of MLflow cannot hold both quotation marks
        chosen = quote(json.dumps([run.run_id for run in runs]), safe="")
        return _mlflow(f"compare-runs?runs={chosen}&experiments={experiments}")
    terms = quote(f'tags."{TAG_SWEEP}" = {mark}{name}{mark}', safe="")
    kind = f"workflowType=machine_learning&searchFilter={terms}"
    if len(ids) == 1:
        return _mlflow(f"experiments/{quote(ids[0])}/runs?{kind}")
    return _mlflow(f"compare-experiments/s?experiments={experiments}&{kind}")


def _mlflow(page: str) -> str | None:
    url = os.environ.get(MLFLOW_VARIABLE, "").rstrip("/")
    return f"{url}/#/{page}" if url else None
