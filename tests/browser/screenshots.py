"""The pictures that the README shows: the real dashboard over the runs of a real `chapter` suite.

`make screenshots`, which first measures what the store lacks of the suite.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

from PIL import Image
from playwright.sync_api import sync_playwright

from core.store.folder import PROJECT
from core.store.tracking import Store, open_store
from experiments.serve import dashboard_service
from experiments.worker import environment
from tests.bench.window import free_port

FOLDER = PROJECT / "docs" / "screenshots"

READY = (
    "[data-testid='stApp'][data-test-connection-state='CONNECTED']"
    "[data-test-script-state='notRunning']"
)

DRAWN_MS = 2500
"""Until figures have faded in."""

COLOURS = 128
"""Of a picture: a tenth of the bytes, and no difference that an eye finds."""

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@dataclass(frozen=True)
class Picture:
    """One page in one state, as one person sees it."""

    name: str
    page: str
    part: str = ""
    """The part of the suite whose comparison it shows, where it is not the newest."""
    address: tuple[tuple[str, str], ...] = ()
    size: tuple[int, int] = (1440, 900)
    dark: bool = False


PICTURES = (
    Picture("gradient-flow", "gradient-flow", "forget bias"),
    Picture("overview", ""),
    Picture("overview-phone", "", size=(390, 844), dark=True),
    Picture("chapter", "chapter", address=(("claim", "8"),), size=(1440, 1000)),
    Picture("memory-span", "memory-span", "how far back", (("figure", "Half-life and span"),)),
    Picture("length-quality", "length-quality", "with and without attention"),
    Picture("state-tracking", "state-tracking"),
    Picture("recall", "recall", dark=True),
    Picture("language-model", "language-model"),
    Picture("throughput", "throughput", "how fast all six are", dark=True),
    Picture("compare", "compare", "forget bias", size=(1440, 1240)),
    Picture("scorecard", "choose", size=(1440, 1240)),
    Picture("cell-explorer", "cell-explorer", size=(1440, 1400), dark=True),
)


def main(wanted: Sequence[str]) -> int:
    """All pictures, or those named."""
    found = shutil.which("chromium")
    if found is None:
        print("error: no chromium is on the PATH: on Debian, apt install chromium", file=sys.stderr)
        return 1
    store = open_store()
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver, _served(store) as url:
        chromium = driver.chromium.launch(executable_path=found, args=FLAGS)
        for picture in PICTURES:
            if not wanted or picture.name in wanted:
                file = FOLDER / f"{picture.name}.png"
                file.write_bytes(_smaller(_taken(chromium, url, picture, store)))
                print(f"{file.relative_to(PROJECT)}: {file.stat().st_size / 1024:.0f} KiB")
    return 0


def _address(picture: Picture, store: Store) -> str:
    asked = dict(picture.address)
    if picture.part:
        sweeps = [r.sweep for r in store.runs(status="FINISHED") if r.sweep.endswith(picture.part)]
        if not sweeps:
            raise SystemExit(
                f"error: the store has no finished run of “{picture.part}”; "
                "python -m experiments suite chapter makes them"
            )
        asked["sweep"] = sweeps[-1]
    return f"{picture.page}?{urlencode(asked)}"


def _taken(chromium: Any, url: str, picture: Picture, store: Store) -> bytes:
    width, height = picture.size
    context = chromium.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if picture.dark else "light",
    )
    page = context.new_page()
    page.goto(f"{url}/{_address(picture, store)}")
    page.get_by_role("heading", level=1).wait_for(timeout=60_000)
    page.wait_for_selector(READY, state="attached", timeout=60_000)
    page.get_by_text("Computing the claims").wait_for(state="hidden", timeout=60_000)
    page.wait_for_timeout(DRAWN_MS)
    page.wait_for_selector(READY, state="attached", timeout=60_000)
    taken: bytes = page.screenshot()
    context.close()
    return taken


def _smaller(picture: bytes) -> bytes:
    buffer = BytesIO()
    image = (
        Image.open(BytesIO(picture))
        .convert("RGB")
        .quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    )
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


@contextlib.contextmanager
def _served(store: Store) -> Iterator[str]:
    service = dashboard_service(store, free_port())
    service.start(environment(store))
    try:
        while not service.answers():
            time.sleep(0.1)
        yield service.health.removesuffix("/_stcore/health")
    finally:
        service.stop(3.0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
