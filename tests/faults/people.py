"""Twenty people at once on a team's installation: they look, launch and cancel, while its parts are
killed in turn.

Each of them is a browser without a screen: it holds the cookie of somebody who has signed in, opens
pages through TLS and the proxy, and presses buttons by what the server has drawn.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import ssl
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

import psutil
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.web.server.starlette import starlette_app_utils as signing
from streamlit.web.server.starlette.starlette_server_config import (
    USER_COOKIE_NAME,
    XSRF_COOKIE_NAME,
)
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Origin, Subprotocol

from core.store.records import ACTIVE, ENDED
from core.store.tracking import Store, open_store
from experiments.queue import retry
from tests.deploy.test_team import Team

PAGES = ("", "gradient-flow", "parameters", "compare", "runs", "chapter", "choose", "launch")

LAUNCHES = (
    "experiment=parameter-count&hidden_size={n}&variants=RNN&variants=LSTM",
    "experiment=gradient-decay&hidden_size={n}&sequence_length=30&seeds=2&variants=GRU",
    "experiment=memory-span&hidden_size={n}&training_steps=30&longest_lag=5&seeds=2&variants=LSTM",
)
"""Queries of launch forms; each takes some seconds."""

LOOKS = 24
"""How often the dashboard's memory is read; after every third time a part is killed."""

MAX_GROWTH = 0.05
"""Of the dashboard's memory, after the warm-up."""

THINK = (4.0, 14.0)
"""Seconds that somebody looks at a page before they go on."""

PARTS = {
    "mlflow": "mlflow server",
    "database": "postgres ",
    "artifacts": "weed server",
    "worker": "experiments worker",
    "dashboard": "-m dashboard",
    "proxy": "nginx",
}
"""Part → what stands in its command line."""

ACCESS = """
[access]
admins = ["ada@example.org"]
runners = ["@example.org"]
hosts = ["localhost", "127.0.0.1"]
trust_unverified = true

[limits]
queued = 30
"""


@dataclass
class Seen:
    """What the people have met."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Page, or button → from each visit or press until the page was whole."""
    done: Counter[str] = field(default_factory=Counter)
    asked: set[str] = field(default_factory=set)
    """The queries of launch forms that were sent off; what has been measured is not made again."""
    errors: list[str] = field(default_factory=list)
    away: Counter[str] = field(default_factory=Counter)
    """What they were told while a part was away."""


class Visitor:
    """One person's browser."""

    def __init__(self, team: Team, store: Store, address: str, seed: int, seen: Seen) -> None:
        self.team, self.store, self.address, self.seen = team, store, address, seen
        self.chance = random.Random(seed)
        self.buttons: dict[str, str] = {}
        self.texts: list[str] = []
        self.page = self.query = ""
        self.polled: dict[str, float] = {}
        """Parts of the page → the seconds after which each is drawn again."""

    async def stay(self, until: float) -> None:
        """Look around, launch and cancel until that time; a lost connection is opened anew."""
        while time.monotonic() < until:
            try:
                async with self._connected() as socket:
                    while time.monotonic() < until:
                        await self._act(socket)
                        await self._look(socket, self.chance.uniform(*THINK))
            except (OSError, WebSocketException, TimeoutError, EOFError) as error:
                self.seen.away[type(error).__name__] += 1
                await asyncio.sleep(2)

    def _connected(self) -> connect:
        xsrf = signing.generate_xsrf_token_string()
        user = {"origin": self.team.at.url, "is_logged_in": True, "email": self.address}
        secret = (self.team.at.secrets / "cookie_secret").read_text().strip()
        signed = signing.create_signed_value(secret, USER_COOKIE_NAME, json.dumps(user)).decode()
        context = ssl.create_default_context(cafile=self.team.at.secret("certificate.pem"))
        return connect(
            f"wss://localhost:{self.team.at.port}/_stcore/stream",
            ssl=context,
            origin=Origin(self.team.at.url),
            subprotocols=[Subprotocol("streamlit"), Subprotocol(xsrf)],
            additional_headers={
                "Cookie": f"{USER_COOKIE_NAME}={signed}; {XSRF_COOKIE_NAME}={xsrf}"
            },
            max_size=None,
            open_timeout=20,
        )

    async def _look(self, socket: ClientConnection, seconds: float) -> None:
        """Read the page, which asks for parts of itself again as often as it was told to."""
        until = time.monotonic() + seconds
        due: dict[str, float] = {}
        while (now := time.monotonic()) < until:
            for name, every in [*self.polled.items()]:
                if name not in self.polled:  # the page was drawn anew, without it
                    continue
                if due.setdefault(name, now + every) <= now:
                    await self._draw(socket, fragment=name)
                    due[name] = time.monotonic() + every
            await asyncio.sleep(min(0.2, max(0.0, until - now)))

    async def _act(self, socket: ClientConnection) -> None:
        what = self.chance.random()
        if what < 0.2:
            query = self.chance.choice(LAUNCHES).format(n=self.chance.randint(4, 200))
            await self._run(socket, "launch", query)
            if await self._press(socket, "launch", query, "Start"):
                self.seen.done["launched"] += 1
                self.seen.asked.add(query)
        elif what < 0.3 and (run := self._own_active()):
            query = f"run={run}"
            await self._run(socket, "runs", query)
            if await self._press(socket, "runs", query, "Cancel"):
                self.seen.done["cancelled"] += 1
        else:
            await self._run(socket, self.chance.choice(PAGES), "")
            self.seen.done["looked"] += 1

    def _own_active(self) -> str:
        with contextlib.suppress(Exception):  # the store may be away just now
            mine = [r for r in self.store.active() if r.user == self.address]
            return mine[0].run_id if mine else ""
        return ""

    async def _press(self, socket: ClientConnection, page: str, query: str, label: str) -> bool:
        identifier = self.buttons.get(label)
        if identifier is None:
            return False
        await self._run(socket, page, query, press=identifier)
        refused = [text for text in self.texts if "cannot be queued" in text]
        self.seen.done["refused by a limit"] += len(refused[:1])
        return not refused

    async def _run(
        self, socket: ClientConnection, page: str, query: str, press: str | None = None
    ) -> None:
        """Have a page drawn, as a browser asks for it, and read it to its end."""
        self.buttons, self.texts, self.polled = {}, [], {}
        self.page, self.query = page, query
        started = time.monotonic()
        await self._draw(socket, press=press)
        name = (page or "overview") if press is None else f"{page}: button"
        self.seen.seconds[name].append(time.monotonic() - started)
        for text in self.texts:
            if "could not be drawn" in text:
                self.seen.errors.append(f"{page}?{query}: {text[:200]}")
            if "does not answer" in text or "no MLflow server" in text:
                self.seen.away["told that the store is away"] += 1

    async def _draw(
        self, socket: ClientConnection, press: str | None = None, fragment: str = ""
    ) -> None:
        message = BackMsg()
        message.rerun_script.page_name = self.page
        message.rerun_script.query_string = self.query
        if press is not None:
            message.rerun_script.widget_states.widgets.add(id=press, trigger_value=True)
        if fragment:
            message.rerun_script.fragment_id = fragment
            message.rerun_script.is_auto_rerun = True
            self.seen.done["polled"] += 1
        await socket.send(message.SerializeToString())
        while True:
            data = await asyncio.wait_for(socket.recv(decode=False), 60)
            reply = ForwardMsg.FromString(data)
            kind = reply.WhichOneof("type")
            if kind == "delta":
                self._read(reply)
            elif kind == "auto_rerun":
                self.polled[reply.auto_rerun.fragment_id] = reply.auto_rerun.interval
            elif kind == "script_finished":
                if reply.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                    self.polled = {}  # the whole page follows
                    continue
                break

    def _read(self, reply: ForwardMsg) -> None:
        element = reply.delta.new_element
        kind = element.WhichOneof("type")
        if kind == "button":
            self.buttons[element.button.label] = element.button.id
        elif kind == "exception":
            self.seen.errors.append(element.exception.message[:200])
        elif kind == "alert":
            self.texts.append(element.alert.body)
        elif kind in ("text", "heading", "markdown"):
            self.texts.append(str(getattr(element, kind).body))


def people(
    count: int, minutes: float, seed: int, *, warm_up: float = 0.0, killing: bool = False
) -> Iterator[str]:
    """So many people for so long; with `killing` each part is killed -9 in turn meanwhile.

    No page may show an error, no run may be lost or doubled, and whatever was killed comes back.
    The dashboard's memory stays as it is, once its caches have filled in the minutes of `warm_up`.
    """
    with tempfile.TemporaryDirectory(prefix="unroll-people-") as folder:
        Path(folder).chmod(0o755)
        file = Path(folder) / "access.toml"
        file.write_text(ACCESS)
        team = Team(Path(folder) / "team", file)
        try:
            store = open_store(team.uri)
            yield from _together(team, store, count, minutes, warm_up, seed, killing)
        finally:
            team.end()


def _part(team: Team, name: str) -> psutil.Process:
    children = psutil.Process(team.process.pid).children()
    return next(child for child in children if PARTS[name] in " ".join(child.cmdline()))


def _together(
    team: Team,
    store: Store,
    count: int,
    minutes: float,
    warm_up: float,
    seed: int,
    killing: bool,
) -> Iterator[str]:
    seen = Seen()
    started = time.monotonic()
    whole = 60 * (warm_up + minutes)
    until = started + whole
    memory: list[float] = []
    warm: list[float] = []  # of these, those after the warm-up

    async def watch() -> None:
        chance, names = random.Random(seed), list(PARTS)
        for number in range(LOOKS):
            if time.monotonic() > until - 60:
                break
            with contextlib.suppress(psutil.Error, StopIteration):
                memory.append(_part(team, "dashboard").memory_info().rss / 2**20)
                if time.monotonic() > started + 60 * warm_up:
                    warm.append(memory[-1])
            if killing and names and number % 3 == 2:
                name = names.pop(0)
                with contextlib.suppress(psutil.Error, StopIteration):
                    _part(team, name).kill()
                    seen.done[f"killed {name}"] += 1
            await asyncio.sleep(whole / LOOKS * chance.uniform(0.9, 1.1))

    async def all_of_them() -> None:
        visitors = [
            Visitor(team, store, f"p{n}@example.org", seed + n, seen).stay(until)
            for n in range(count)
        ]
        await asyncio.gather(*visitors, watch())

    asyncio.run(all_of_them())
    yield from (f"a page showed an error: {error}" for error in seen.errors)
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline and store.active():
        time.sleep(2)
    records = store.runs()
    yield from (f"{r.run_id} is stuck as {r.status}" for r in records if r.status in ACTIVE)
    failed = [record for record in records if record.status == "FAILED"]
    # A worker that is killed takes its runs along: they say so, keep their rows, and run again.
    broken = [r for r in failed if not (killing and r.error.startswith("lost"))]
    yield from (f"{r.run_id} failed: {r.error}" for r in broken)
    asked = sum(query.count("variants=") for query in seen.asked)
    if len(records) < asked:
        yield f"launches asked for {asked} different runs, and only {len(records)} are there"
    again = [retry(store, record.run_id) for record in failed]
    while time.monotonic() < deadline and store.active():
        time.sleep(2)
    yield from (f"the retry {r} did not finish" for r in again if store.run(r).status != "FINISHED")
    growth = _growth(warm)
    if not killing and (growth is None or growth > MAX_GROWTH):
        yield f"the dashboard's memory after the warm-up: {[round(mb) for mb in warm]} MB"
    if not team.well():
        yield "a part has not come back"
    ended = Counter(record.status for record in records if record.status in ENDED)
    every = [seconds for some in seen.seconds.values() for seconds in some]
    p50, p95 = (quantiles(every, n=20)[place] for place in (9, 18))
    slowest = {
        name: f"{median(some):.2f}, {max(some):.2f}" for name, some in sorted(seen.seconds.items())
    }
    yield (
        f"people: {count} for {minutes:g} min after {warm_up:g} of warm-up, {len(every)} pages "
        f"drawn, half within "
        f"{p50:.2f} s, 95% within {p95:.2f} s; median and slowest {slowest}; {dict(seen.done)}; "
        f"runs {dict(ended)}; away {dict(seen.away)}; dashboard MB {[round(m) for m in memory]}"
        + ("" if killing or growth is None else f", after the warm-up {growth:+.1%}")
    )


def _growth(memory: list[float]) -> float | None:
    """By what share the last third of the readings is above the first third; None of fewer than
    three."""
    third = len(memory) // 3
    return sum(memory[-third:]) / sum(memory[:third]) - 1 if third else None
