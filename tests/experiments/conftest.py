"""One worker for all tests that leave it alone: it takes seconds to start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.store.tracking import Store
from tests.experiments.processes import start_worker


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
