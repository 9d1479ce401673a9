"""Cached reads, and nothing else: what the pages know of the store, the worker and MLflow."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Mapping, Sequence
from urllib.parse import quote

import pandas
import streamlit as st

from core import store_folder
from core.experiment import Experiment
from core.tracking import RunRecord, load_ahead, open_store
from dashboard.comparison import Comparison, comparisons
from dashboard.reader import Reader
from experiments import worker
from experiments.export import csv_text

MLFLOW_VARIABLE = "UNROLL_MLFLOW_URL"
"""Set by `python -m experiments serve`: where the MLflow UI of this store is."""


MLFLOW_AFTER_SECONDS = 5.0
"""Then the first page is there, and nobody has pressed a button that needs MLflow."""


@st.cache_resource(show_spinner=False, max_entries=2)
def _opened(uri: str) -> Reader:
    reader = Reader(open_store(uri))
    _keep_what_is_loaded()
    later = threading.Timer(MLFLOW_AFTER_SECONDS, _load_mlflow)
    later.daemon = True
    later.start()
    return reader


def _load_mlflow() -> None:
    load_ahead()
    _keep_what_is_loaded()


def _keep_what_is_loaded() -> None:
    """Streamlit collects garbage after every rerun, which takes longer than a page.

    What is loaded by now stays, so it need not be looked through.
    """
    gc.collect()
    gc.freeze()


def reader() -> Reader:
    """The reader of the store that is configured now. Raises `StoreError`."""
    return _opened(store_folder.tracking_uri())


def dark() -> bool:
    """Whether the person looks at a dark page."""
    return st.context.theme.type == "dark"


def compared(experiment: Experiment) -> list[Comparison]:
    """Every comparison of an experiment, the newest first."""
    return comparisons(reader().runs(experiment.name))


def worker_status() -> worker.WorkerStatus | None:
    """The worker that serves this store, if one is alive."""
    return worker.worker_status(reader().store)


def exact_rows(runs: Sequence[RunRecord], labels: Mapping[str, str], table: str) -> str:
    """A table of several runs as CSV, every number exactly as it was recorded."""
    frames = []
    for run in runs:
        path = reader().store.artifact(run.run_id, f"tables/{table}.csv")
        if path is not None:
            recorded = pandas.read_csv(path, dtype=str, keep_default_na=False)
            recorded.insert(0, "run_id", run.run_id)
            recorded.insert(1, "label", labels[run.run_id])
            frames.append(recorded)
    if not frames:
        return ""
    return csv_text(pandas.concat(frames, ignore_index=True))


@st.cache_data(show_spinner=False, max_entries=100)
def model_files(uri: str, run_id: str) -> dict[str, int]:
    """The files of the model that a finished run of that store has kept → bytes."""
    folder = open_store(uri).artifact(run_id, "model")
    files = sorted(folder.iterdir()) if folder else []
    return {file.name: file.stat().st_size for file in files}


def mlflow_link(record: RunRecord) -> str | None:
    """Where the MLflow UI shows a run; None when no MLflow UI is known."""
    url = os.environ.get(MLFLOW_VARIABLE, "").rstrip("/")
    if not url:
        return None
    place = f"experiments/{quote(record.experiment_id)}/runs/{quote(record.run_id)}"
    return f"{url}/#/{place}?workflowType=machine_learning"
