"""Addresses and bodies that nobody means well with, sent to a dashboard that has results."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import psutil
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from core.experiments import all_experiments
from dashboard.navigation import PAGES
from tests.faults.scene import Scene, open_address, scene, short_plan
from tests.hostile_input import TEXTS

KEYS = (
    *("run", "runs", "sweep", "show", "figure", "search", "status", "experiment", "variants"),
    *("vary", "group", "at", "preset", "name", "watch", "again", "kinds", "claim", "source"),
    *("start", "unit", "step", "limit", "machine", "measure", "deleted", "order", "models"),
)
"""Names that pages read; the settings of all experiments are others."""

MAX_SECONDS = 30.0
"""For one page, on a machine that has other things to do."""

MAX_QUERY = 100_000


def addresses(count: int, seed: int) -> Iterator[str]:
    """So many random addresses: each page is drawn to its end, whatever it is asked for; and
    bodies that are too large are refused."""
    with tempfile.TemporaryDirectory() as folder, scene(Path(folder) / "store") as queue:
        queue.start_worker()
        ids = queue.submit(short_plan(12))
        queue.wait_for(ids)
        queue.stop_worker()
        queue.start_dashboard()
        queue.open_page()
        assert queue.dashboard is not None
        memory = psutil.Process(queue.dashboard.pid).memory_info
        before, longest = memory().rss, 0.0
        chance = random.Random(f"addresses {seed}")
        for _ in range(count):
            page, query = _address(chance, ids)
            started = time.monotonic()
            try:
                asyncio.run(asyncio.wait_for(open_address(queue.port, page, query), MAX_SECONDS))
            except (OSError, RuntimeError, WebSocketException) as error:
                yield f"{page}?{query[:300]}: {error!r}"
            longest = max(longest, time.monotonic() - started)
        yield from _oversized(queue)
        queue.open_page()
        grown = (memory().rss - before) / 2**20
        yield f"addresses: {count}, the slowest {longest:.1f} s; the dashboard grew {grown:.0f} MB"


def _address(chance: random.Random, ids: list[str]) -> tuple[str, str]:
    settings = [setting.name for experiment in all_experiments() for setting in experiment.settings]
    page = chance.choice(PAGES)
    asked = []
    for _ in range(chance.randint(1, 5)):
        key = chance.choice([*KEYS, *KEYS, *settings, chance.choice(TEXTS)[:50]])
        sound = chance.random() < 0.2  # so that it comes further
        asked.append((key, chance.choice(ids)[:8] if sound else chance.choice(TEXTS)))
    if chance.random() < 0.3:
        asked.append(("experiment", chance.choice(all_experiments()).name))
    return page.address, urlencode(asked, errors="replace")[:MAX_QUERY]


def _oversized(queue: Scene) -> Iterator[str]:
    """A body, a header and a message that are too large; the next page is drawn as ever."""
    for path, headers, body in (
        ("/_stcore/upload_file/a/b", {}, b"x" * (64 * 2**20)),
        ("/healthz", {"X-Long": "x" * 300_000}, b""),
        ("/" + "a" * 100_000, {}, b""),
    ):
        connection = http.client.HTTPConnection("127.0.0.1", queue.port, timeout=60)
        status = 0
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("PUT" if body else "GET", path, body, headers)
            status = connection.getresponse().status
        connection.close()
        if status == 200 and path != "/" + "a" * 100_000:
            yield f"{path[:40]} with too much was accepted"

    async def nonsense() -> None:
        async with connect(f"ws://127.0.0.1:{queue.port}/_stcore/stream", max_size=None) as socket:
            await socket.send(b"\xff" * (2 * 2**20))
            await socket.recv()

    with contextlib.suppress(OSError, WebSocketException):
        asyncio.run(asyncio.wait_for(nonsense(), 20))
