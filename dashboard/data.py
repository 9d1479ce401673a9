"""Cached reads, and nothing else: what the pages know of the store, the worker and MLflow."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from urllib.parse import quote

import pandas
import streamlit as st

from core import store_folder
from core.experiment import Experiment
from core.tracking import RunRecord, open_store
from dashboard.comparison import Comparison, comparisons
from dashboard.reader import Reader, opened
from experiments import worker
from experiments.export import csv_text

MLFLOW_VARIABLE = "UNROLL_MLFLOW_URL"
"""Set by `python -m experiments serve`: where the MLflow UI of this store is."""


def reader() -> Reader:
    """The reader of the store that is configured now. Raises `StoreError`."""
    return opened(store_folder.tracking_uri())


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
