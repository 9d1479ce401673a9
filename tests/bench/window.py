"""A dashboard on a store, its pages in a real browser, and how long a page takes to run again.

The time is that from the key or the click until the message that the script has ended, and the two
frames that the browser then draws. Streamlit's own mark of a running script is not enough: a rerun
that is over at once never shows it.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from playwright.sync_api import sync_playwright

from core.store.tracking import Store, open_store
from experiments.serve import dashboard_service
from experiments.worker import environment

PATIENCE_MS = 120_000

IGNORED_MS = 20_000
"""Without an answer to a key for so long, nobody has heard it."""

READY = "[data-testid='stApp'][data-test-script-state='notRunning']"

SCRIPT_FINISHED = 6
"""The number of that field in Streamlit's `ForwardMsg`."""

LISTEN = """
(() => {
  window.reruns = [];
  window.last = performance.now();
  window.since = null;
  for (const kind of ["keydown", "click"])
    document.addEventListener(kind, () => { window.since ??= performance.now(); }, true);
  const drawn = () => {
    if (window.since !== null) window.reruns.push(performance.now() - window.since);
    window.since = null;
  };
  // A message is a protobuf: is its field SCRIPT_FINISHED there, and 0, FINISHED_SUCCESSFULLY?
  const ended = bytes => {
    let at = 0;
    const varint = () => {
      let value = 0, shift = 1, byte;
      do { byte = bytes[at++]; value += (byte & 127) * shift; shift *= 128; } while (byte & 128);
      return value;
    };
    while (at < bytes.length) {
      const tag = varint(), kind = tag % 8;
      if (kind === 0) { if (varint() === 0 && tag === 8 * SCRIPT_FINISHED) return true; }
      else if (kind === 2) { const length = varint(); at += length; }
      else at += kind === 1 ? 8 : 4;
    }
    return false;
  };
  window.WebSocket = class extends window.WebSocket {
    constructor(...given) {
      super(...given);
      this.addEventListener("message", ({data}) => {
        window.last = performance.now();
        if (data instanceof ArrayBuffer && ended(new Uint8Array(data)))
          requestAnimationFrame(() => requestAnimationFrame(drawn));
      });
    }
  };
})();
""".replace("SCRIPT_FINISHED", str(SCRIPT_FINISHED))


@contextlib.contextmanager
def temporary_store() -> Iterator[Store]:
    """An empty store that is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        yield open_store(f"sqlite:///{Path(folder) / 'mlflow.db'}")


@contextlib.contextmanager
def served(store: Store) -> Iterator[tuple[str, psutil.Process]]:
    """The address and the process of a dashboard on a store."""
    service = dashboard_service(store, free_port())
    service.start(environment(store))
    try:
        while not service.answers():
            time.sleep(0.1)
        assert service.process is not None
        address = service.health.removesuffix("/_stcore/health")
        yield address, psutil.Process(service.process.pid)
    finally:
        service.stop(3.0)


def free_port() -> int:
    """A port of this machine that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """A browser, or None if there is no chromium on the PATH."""
    path = shutil.which("chromium")
    if path is None:
        yield None
        return
    flags = (
        *("--no-sandbox", "--disable-gpu", "--disable-background-networking"),
        *("--disable-background-timer-throttling", "--disable-renderer-backgrounding"),
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(flags))
        yield browser
        browser.close()


@dataclass
class Window:
    """A page in a browser context of its own, and what went wrong in it."""

    page: Any
    problems: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, browser: Any) -> Window:
        window = cls(browser.new_context().new_page())
        window.page.add_init_script(LISTEN)
        window.page.on("pageerror", lambda error: window.problems.append(str(error)))
        return window

    def open(self, url: str) -> float:
        """Seconds until the page is done."""
        started = time.perf_counter()
        self.page.goto(url)
        self.page.get_by_role("heading", level=1).wait_for(timeout=PATIENCE_MS)
        self.page.wait_for_selector(READY, state="attached", timeout=PATIENCE_MS)
        return time.perf_counter() - started

    def settle(self) -> None:
        """Wait until the dashboard has said nothing for a while; reruns are counted from here."""
        self.page.wait_for_selector(READY, state="attached", timeout=PATIENCE_MS)
        rested = "rest => performance.now() - window.last > rest"
        self.page.wait_for_function(rested, arg=300, timeout=PATIENCE_MS)
        self.page.evaluate("() => { window.reruns = []; }")

    def ask_again(self) -> None:
        self.page.evaluate("() => { window.since = null; }")
        self.page.keyboard.press("r")

    def took(self) -> float:
        """Seconds of the first rerun since it had settled, once that is over.

        Streamlit ignores the key while a part of the page draws itself again, as parts that show
        what runs do every few seconds; where nothing runs after it, it is pressed once more.
        """
        over = "() => window.reruns.length > 0"
        try:
            self.page.wait_for_function(over, timeout=IGNORED_MS)
        except PlaywrightTimeout:
            if self.page.locator(READY).count():
                self.ask_again()
            self.page.wait_for_function(over, timeout=PATIENCE_MS)
        milliseconds: float = self.page.evaluate("() => window.reruns[0]")
        return milliseconds / 1000

    def close(self) -> None:
        self.page.context.close()

    def errors(self) -> list[str]:
        """Errors that the script or the browser showed."""
        return [*self.problems, *self.page.get_by_test_id("stException").all_inner_texts()]
