"""A page of the dashboard in a real browser, and how long its script takes to run again.

The time is that from the key or the click until the message that the script has ended, and the two
frames that the browser then draws. Streamlit's own mark of a running script is not enough: a rerun
that is over at once never shows it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

PATIENCE_MS = 120_000
REST_MS = 300
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--disable-background-timer-throttling", "--disable-renderer-backgrounding"),
)
READY = "[data-testid='stApp'][data-test-script-state='notRunning']"
SCRIPT_FINISHED = 6
"""The number of that field in Streamlit's `ForwardMsg`."""
LISTEN = """
(() => {
  window.reruns = [];
  window.last = performance.now();
  let since = null;
  for (const kind of ["keydown", "click"])
    document.addEventListener(kind, () => { since ??= performance.now(); }, true);
  const drawn = () => {
    if (since !== null) window.reruns.push(performance.now() - since);
    since = null;
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
RESTED = "rest => performance.now() - window.last > rest"


@dataclass
class Window:
    """A page in a browser context of its own, and what went wrong in it."""

    page: Any
    problems: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, browser: Any) -> Window:
        """A new one."""
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
        self.page.wait_for_function(RESTED, arg=REST_MS, timeout=PATIENCE_MS)
        self.page.evaluate("() => { window.reruns = []; }")

    def ask_again(self) -> None:
        """Begin a rerun."""
        self.page.keyboard.press("r")

    def took(self) -> float:
        """Seconds of the first rerun since it had settled, once that is over."""
        self.page.wait_for_function("() => window.reruns.length > 0", timeout=PATIENCE_MS)
        milliseconds: float = self.page.evaluate("() => window.reruns[0]")
        return milliseconds / 1000

    def close(self) -> None:
        """Leave the dashboard."""
        self.page.context.close()

    def errors(self) -> list[str]:
        """What the script or the browser complained of."""
        return [*self.problems, *self.page.get_by_test_id("stException").all_inner_texts()]
