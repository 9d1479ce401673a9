"""A real browser and a real dashboard process; skipped where there is no browser."""

from __future__ import annotations

import contextlib
import functools
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.store.tracking import Store, open_store
from experiments.worker import environment, worker_status

APP = Path(__file__).resolve().parents[2] / "dashboard" / "app.py"

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

READY = (
    "[data-testid='stApp'][data-test-connection-state='CONNECTED']"
    "[data-test-script-state='notRunning']"
)

START_SECONDS = 60.0

HEIGHTS = {1440: 900, 390: 844}
"""Of a screen, by its width."""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A Chromium; the test is skipped when none is installed."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is on the PATH")
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def served_store(
    new_store: Callable[[Path], Store], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    """An empty store; the worker that the dashboard starts on it is ended afterwards."""
    store = new_store(tmp_path_factory.mktemp("served") / "store")
    yield store
    status = worker_status(store)
    if status is not None:
        process = psutil.Process(status.pid)
        process.terminate()
        with contextlib.suppress(psutil.TimeoutExpired):
            process.wait(20)


@pytest.fixture(scope="module")
def address(served_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dashboard that was started from some other folder."""
    with served(served_store, tmp_path_factory.mktemp("elsewhere")) as url:
        yield url


@pytest.fixture(scope="session")
def scene_address(
    scene_uri: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], str]]:
    """Scene → the address of a dashboard over it, one for the whole session: nobody writes."""
    with contextlib.ExitStack() as running:

        @functools.cache
        def of(name: str) -> str:
            elsewhere = tmp_path_factory.mktemp("elsewhere")
            return running.enter_context(served(open_store(scene_uri(name)), elsewhere))

        yield of


@contextlib.contextmanager
def served(store: Store, elsewhere: Path, app: Path = APP) -> Iterator[str]:
    """A dashboard of the store (or another app), started in that folder."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(app), "--server.port", str(port)]
    with (elsewhere / "log.txt").open("w") as log:
        process = subprocess.Popen(
            [*command, "--server.headless", "true"],
            cwd=elsewhere,
            env=environment(store),
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_it_answers(f"{url}/_stcore/health", process)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def _wait_until_it_answers(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=1):
            return
        time.sleep(0.1)
    pytest.fail("the dashboard did not start")


class Visitor:
    """A browser window that remembers what went wrong in it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.problems: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(str(error)))

    def _console(self, message: Any) -> None:
        # Streamlit looks for its server below the page's path first and does not find it there.
        if message.type == "error" and "/_stcore/" not in message.location.get("url", ""):
            self.problems.append(message.text)

    def open(self, url: str) -> None:
        self.page.goto(url)
        self.settle()

    def settle(self) -> None:
        """Wait until the page has taken up the last click and is done with it."""
        self.page.wait_for_timeout(250)
        self.page.wait_for_selector(READY, state="attached", timeout=60_000)


@pytest.fixture(scope="session")
def people(chromium: Any) -> dict[str, Any]:
    """Browsers of two people, who share nothing; each keeps what it has once fetched."""
    looks = {
        "desktop": {"viewport": {"width": 1440, "height": 900}, "accept_downloads": True},
        "phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"},
    }
    return {n: chromium.new_context(reduced_motion="reduce", **look) for n, look in looks.items()}


@pytest.fixture
def visitor(people: dict[str, Any]) -> Iterator[Visitor]:
    """A new window of a desktop's size."""
    page = people["desktop"].new_page()
    yield Visitor(page)
    page.close()


@pytest.fixture
def phone(people: dict[str, Any]) -> Iterator[Visitor]:
    """A new window of a phone's size."""
    page = people["phone"].new_page()
    yield Visitor(page)
    page.close()
