"""Stores for tests. Creating MLflow's schema takes seconds, so one is made and then copied."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from core.experiment import Experiment
from core.tracking import Store, open_store
from tests.toy import TOY


@pytest.fixture(scope="session")
def template_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an empty store."""
    folder = tmp_path_factory.mktemp("template")
    store = open_store(f"sqlite:///{folder / 'mlflow.db'}")
    store.client._tracking_client.store.engine.dispose()
    return folder


@pytest.fixture
def store_uri(template_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty store of this test's own, which MLFLOW_TRACKING_URI names too."""
    folder = tmp_path / "store"
    shutil.copytree(template_folder, folder)
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    return uri


@pytest.fixture
def store(store_uri: str) -> Store:
    """An empty store of this test's own."""
    return open_store(store_uri)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """The toy experiment, registered for this test."""
    monkeypatch.setattr("core.experiments.EXPERIMENTS", (TOY,))
    monkeypatch.setattr("core.tracking.EXPERIMENTS", (TOY,))
    return TOY
