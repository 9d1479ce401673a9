"""Stores for tests. Creating MLflow's schema takes seconds, so one is made and then copied."""

from __future__ import annotations

import functools
import gc
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # else torch in each test process takes all cores
# As the dashboard has it:
os.environ.setdefault("STREAMLIT_BROWSER_GATHER_USAGE_STATS", "false")
os.environ.setdefault("STREAMLIT_RUNNER_MAGIC_ENABLED", "false")

os.environ["UNROLL_CELLS"] = os.devnull  # whoever runs the tests may have cells of their own

import mlflow.store.db.utils
import pytest
from filelock import FileLock

from core.experiment import Experiment
from core.files import CORPORA
from core.models import own_cells
from core.store.tracking import Store, open_store
from tests.toy import TOY

Once = Callable[[str, Callable[[Path], None]], Path]

SLOWEST = ("faults", "browser", "experiments")
"""These folders start processes. They come first, so that no worker is left alone with them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the longest files to the front; collect garbage less often, which takes a tenth of the
    time where so much is loaded.
    """
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
    tests = Path(__file__).parent
    items.sort(key=lambda item: item.path.relative_to(tests).parts[0] not in SLOWEST)


@pytest.fixture(scope="session", autouse=True)
def _stores_are_opened_at_little_cost() -> Iterator[None]:
    """For every store that is opened, MLflow imports all of its migrations to find the newest."""
    with pytest.MonkeyPatch.context() as patch:
        newest = functools.cache(mlflow.store.db.utils._get_latest_schema_revision)
        patch.setattr(mlflow.store.db.utils, "_get_latest_schema_revision", newest)
        yield


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Make a folder of that name once in a session, of which every process of pytest-xdist has it.

    What is in it is only read.
    """
    root = tmp_path_factory.getbasetemp()
    shared = (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / "once"

    def made(name: str, make: Callable[[Path], None]) -> Path:
        folder, done = shared / name, shared / f"{name}.done"
        shared.mkdir(exist_ok=True)
        with FileLock(shared / f"{name}.lock"):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)  # half of it, if it failed before
                make(folder)
                done.touch()
        return folder

    return made


@pytest.fixture(scope="session")
def template_folder(once: Once) -> Path:
    """A folder with an empty store."""

    def make(folder: Path) -> None:
        store = open_store(f"sqlite:///{folder / 'mlflow.db'}")
        store.client._tracking_client.store.engine.dispose()

    return once("template", make)


@pytest.fixture(scope="session")
def new_store(template_folder: Path) -> Callable[[Path], Store]:
    """Make an empty store in a folder that is not there yet."""

    def make(folder: Path) -> Store:
        shutil.copytree(template_folder, folder)
        return open_store(f"sqlite:///{folder / 'mlflow.db'}")

    return make


@pytest.fixture(autouse=True)
def _files_are_where_they_were() -> Iterator[None]:
    """What a shared host confines itself to ends with the test that was one."""
    yield
    os.environ.pop(CORPORA, None)


@pytest.fixture
def store_uri(template_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty store of this test's own, which MLFLOW_TRACKING_URI names too."""
    folder = tmp_path / "store"
    shutil.copytree(template_folder, folder)
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    return uri


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of own cells, without any."""
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.setenv(own_cells.CELLS_VARIABLE, str(folder))
    own_cells._listed.cache_clear()
    return folder


@pytest.fixture
def store(store_uri: str) -> Store:
    """An empty store of this test's own."""
    return open_store(store_uri)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """The toy experiment, registered for this test."""
    monkeypatch.setattr("core.experiments._registered", {TOY.name: TOY})
    return TOY


@pytest.fixture(scope="session")
def scene_uri(once: Once, new_store: Callable[[Path], Store]) -> Callable[[str], str]:
    """Scene of the dashboard's tests → the address of its store. Tests read these stores only."""
    from tests.dashboard.scenes import SCENES

    def of(name: str) -> str:
        folder = once(name, lambda there: SCENES[name](new_store(there)))
        return f"sqlite:///{folder / 'mlflow.db'}"

    return of
