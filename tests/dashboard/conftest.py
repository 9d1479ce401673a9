"""One store per scene for the whole session, and pages run without a browser."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.tracking import Store, open_store
from tests.dashboard.scenes import SCENES, fill

APP = Path(__file__).resolve().parents[2] / "dashboard" / "app.py"

Show = Callable[..., AppTest]


@pytest.fixture(scope="session")
def scene_uris(template_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Scene → the address of its store. Tests read these stores only."""
    uris = {}
    for name, (statuses, wide) in SCENES.items():
        folder = tmp_path_factory.mktemp("scene") / "store"
        shutil.copytree(template_folder, folder)
        uris[name] = f"sqlite:///{folder / 'mlflow.db'}"
        fill(open_store(uris[name]), statuses, wide=wide)
    return uris


@pytest.fixture
def scene(scene_uris: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Store]:
    """Make a scene's store the configured one."""

    def choose(name: str) -> Store:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", scene_uris[name])
        return open_store(scene_uris[name])

    return choose


@pytest.fixture
def show() -> Show:
    """Run a page of the dashboard: show("views/runs.py", run="1234")."""

    def run(path: str, **address: str | list[str]) -> AppTest:
        app = AppTest.from_file(APP, default_timeout=30)
        if "_" in path:  # its address is not its file's name: known only once something has run
            app.switch_page("views/runs.py").run()
        if path != "views/overview.py":
            app = app.switch_page(path)
        put(app, address)
        return app.run()

    return run


def put(app: AppTest, address: Mapping[str, str | list[str]]) -> None:
    """Put values into the page's address."""
    for name, value in address.items():
        app.query_params[name] = value


def texts(app: AppTest) -> str:
    """Everything that a page says."""
    kinds = ("title", "header", "subheader", "markdown", "caption", "text", "code")
    boxes = ("error", "warning", "info", "success")
    return "\n".join(str(e.value) for kind in (*kinds, *boxes) for e in getattr(app, kind))
