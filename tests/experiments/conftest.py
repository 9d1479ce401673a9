"""One worker for all tests that leave it alone: it takes seconds to start."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.store.tracking import Store
from tests.experiments.processes import start_worker


@pytest.fixture
def clean_logging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Logging as it was, after a test that has set it up."""
    root, ours = logging.getLogger(), logging.getLogger("unroll")
    handlers, levels = [*root.handlers], (root.level, ours.level)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])
    logging.captureWarnings(capture=False)


@pytest.fixture(scope="session")
def working(
    new_store: Callable[[Path], Store], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    """A store with a live worker. Tests look at their own runs only, and leave none active."""
    store = new_store(tmp_path_factory.mktemp("working") / "store")
    worker = start_worker(store)
    yield store
    worker.terminate()
    assert worker.wait(30) == 0
