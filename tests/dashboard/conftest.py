"""One store per scene for the whole session, and pages run without a browser."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from altair.utils.schemapi import debug_mode
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest, local_script_runner
from streamlit.util import calc_hash

from core.experiments.length_quality import LENGTH_QUALITY
from core.runner import execute
from core.store.tracking import Store, open_store
from dashboard.navigation import OVERVIEW, PAGES
from experiments import calculator
from tests.conftest import Once

APP = Path(__file__).resolve().parents[2] / "dashboard" / "script.py"

TINY = {
    "training_steps": [40],
    "training_pairs": [200],
    "tested_pairs": [2],
    "longest_trained": [6],
    "longest_tested": [8],
    "validations": [2],
    "hidden_size": [16],
}
"""A model that is trained in a moment."""

Show = Callable[..., AppTest]


@pytest.fixture(scope="session", autouse=True)
def _apps_start_and_are_waited_for_at_little_cost() -> Iterator[None]:
    """At the start of every `AppTest`, Streamlit looks through all installed packages for
    components; while one runs, it asks a thousand times a second whether it has ended."""
    ask = local_script_runner.require_widgets_deltas

    def wait(runner: local_script_runner.LocalScriptRunner, timeout: float = 3) -> None:
        assert runner._script_thread is not None
        runner._script_thread.join(timeout)
        ask(runner, 0.1)

    with pytest.MonkeyPatch.context() as patch:
        scan = functools.cache(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", scan)
        patch.setattr(local_script_runner, "require_widgets_deltas", wait)
        yield


@pytest.fixture(autouse=True)
def _main_module_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """An `AppTest` leaves its script as `__main__`, which processes started later would import."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture(autouse=True)
def _nobody_has_ever_signed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dashboard on which people sign in stays one until it ends; the next test's is another."""
    monkeypatch.setattr("dashboard.access._SIGN_IN", threading.Event())


@pytest.fixture(autouse=True)
def _look_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page sees what the test has just changed."""
    monkeypatch.setattr("dashboard.store.reader.LOOK_SECONDS", 0.0)


@pytest.fixture(autouse=True)
def _calculations_are_made_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests have loaded torch already; `test_calculator.py` asks a process."""

    def ask(function: str, *given: Any) -> Any:
        from experiments import calculations

        return getattr(calculations, function)(*given)

    monkeypatch.setattr(calculator, "ask", ask)


@pytest.fixture
def scene(
    scene_uri: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Store]:
    """Make a scene's store the configured one."""

    def choose(name: str) -> Store:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", scene_uri(name))
        monkeypatch.setattr("dashboard.store.reader.LOOK_SECONDS", 60.0)  # nobody writes to it
        return open_store(scene_uri(name))

    return choose


@pytest.fixture(scope="session")
def trained_uri(once: Once, new_store: Callable[[Path], Store]) -> str:
    """A store with one small model without attention and one with, both really trained."""

    def train(there: Path) -> None:
        store = new_store(there)
        asked = {**TINY, "attention": ["none", "dot"], "seeds": [1]}
        for config in LENGTH_QUALITY.configs(["gru"], asked):
            run_id = store.create(LENGTH_QUALITY, config, sweep="tiny")
            assert execute(store, run_id) == "FINISHED"

    return f"sqlite:///{once('trained', train) / 'mlflow.db'}"


@pytest.fixture
def show() -> Show:
    """Run a page of the dashboard: show("views/runs.py", run="1234")."""

    def run(path: str, claims: dict[str, Any] | None = None, **address: str | list[str]) -> AppTest:
        app = AppTest.from_file(APP, default_timeout=30)
        if claims is not None:
            app.user = claims
        if path != OVERVIEW.path:
            # switch_page() takes a page for its file's name until something has run.
            page = next(page for page in PAGES if page.path == path)
            app._page_hash = calc_hash(page.address)
        put(app, address)
        return app.run()

    return run


def put(app: AppTest, address: Mapping[str, str | list[str]]) -> None:
    """Put values into the page's address."""
    for name, value in address.items():
        app.query_params[name] = value


def unchecked(chart: Any) -> dict[str, Any]:
    """A chart as a page shows it. To check it against the schema takes much longer."""
    with debug_mode(False):
        specification: dict[str, Any] = chart.to_dict(validate=False)
    return specification


def texts(app: AppTest) -> str:
    """Everything that a page says."""
    kinds = ("title", "header", "subheader", "markdown", "caption", "text", "code")
    boxes = ("error", "warning", "info", "success")
    return "\n".join(str(e.value) for kind in (*kinds, *boxes) for e in getattr(app, kind))
