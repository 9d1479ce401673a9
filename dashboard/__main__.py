"""`python -m dashboard` runs `streamlit run dashboard/app.py` with the same options, and prepares
for people. It opens a page before any browser is ready to: what that one imports, reads and draws
is there for the next. A team's server computes what the other pages show before it answers, and one
of a local store opens them, too.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import logging
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from streamlit import config, runtime
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.state.session_state import WStates, _is_stale_widget
from streamlit.web import cli
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from core.store.folder import StoreError, is_server, tracking_uri
from dashboard.navigation import PAGES
from dashboard.server import FIRST_VISIT, LAST_ASKED, Visit
from dashboard.store.reader import exempt_from_collection, load_mlflow_once, open_reader
from experiments import calculator, logs
from experiments.logs import log_failure
from experiments.team import OPEN_VARIABLE

LOG = logging.getLogger("unroll.dashboard")

OPEN = "--open-to-everyone"
"""The option that lets people in from other machines without signing in."""

PATIENCE = 60.0
"""Seconds in which the server must answer, and the first page stand."""

AHEAD_SECONDS = 60.0
"""How long people wait at most for a team's server while it computes what its pages show. That
takes long only where many runs have never been read on this machine, or where the store is away and
does not even refuse."""

VISIT_SECONDS = 0.5
"""How long after the start somebody may ask for a page before the first one is opened."""

LOADING_SECONDS = 1.0
"""A browser that has asked for nothing for so long has its scripts, and its page is being drawn."""

DRAWING = "ScriptRunner.scriptThread"
"""Streamlit's name for the thread that draws a page, which ends with it."""

AHEAD = "dashboard.views.ahead"
"""Computes what pages show; imported late, because it imports nearly all that they do."""

COLLECT_AFTER = (50_000, 20, 50)
"""Allocations between Python's own collections of garbage: Streamlit collects after every run of a
page, and to do it all the while besides takes a sixth of the first one."""

M_ARENA_MAX = -8
"""From glibc's malloc.h."""

CLOSED_SESSIONS = 16
"""How many closed pages are kept; for how long says `.streamlit/config.toml`."""


def prepare() -> None:
    """Begin to read the store. A team's server also loads MLflow, and torch beside it, and computes
    what its pages show, and waits for all that before it answers anybody: it is started seldom, and
    many use it; a page that is opened meanwhile would share two cores with it."""
    with contextlib.suppress(StoreError):  # every page says so
        remote = is_server(tracking_uri())
        begun = threading.Thread(target=_all_ahead if remote else _read_store, daemon=True)
        begun.start()
        if remote:
            begun.join(AHEAD_SECONDS)
            exempt_from_collection()


def _all_ahead() -> None:
    calculator.start()
    compute_ahead()
    load_mlflow_once(remote=True)  # else it would load by itself, just when the first page is drawn
    calculator.wait()


def compute_ahead() -> None:
    """Load and compute what the pages show. Of a store that is away they say so themselves."""
    try:
        importlib.import_module(AHEAD).compute()
    except StoreError as error:
        print("Nothing is computed ahead:", error)
    except Exception as error:  # noqa: BLE001 - the log has it; the pages compute it themselves
        log_failure("nothing is computed ahead", error, log=LOG)


def warm_up() -> None:
    """Open pages as a browser does, once the server answers.

    First the one that somebody waits for, whose browser still loads scripts, or else the first one;
    of a store that needs signing in nobody is shown anything, but what draws a page is loaded. Of a
    local store then the others: what they read, compute and draw is there for whoever opens them.
    What they compute is computed first, for people who sign in to one see it as well. Whoever opens
    a page meanwhile goes first.
    """
    print("First page:", open_pages([_first_visit()]))
    with contextlib.suppress(StoreError):
        if not is_server(tracking_uri()):
            calculator.start()
            compute_ahead()
            open_pages(_when_nobody_waits(Visit(page.address) for page in PAGES))
            load_mlflow_once(remote=False)


def open_pages(visits: Iterable[Visit]) -> str:
    """Open pages one after another. How the script of the last one ended, or why one could not be
    opened: only people need it in time, and whatever goes wrong, they see on the page."""
    ended = ""
    try:
        with _connected() as socket:
            for visit in visits:
                ended = _opened(socket, visit)
    except (OSError, WebSocketException) as error:
        return str(error)
    return ended


def _opened(socket: ClientConnection, visit: Visit) -> str:
    """Open a page; return how its script ended."""
    message = BackMsg()
    path = visit.path.strip("/").removeprefix(_base_path()).strip("/")
    message.rerun_script.page_name = path
    message.rerun_script.query_string = visit.query
    socket.send(message.SerializeToString())
    while True:
        reply = ForwardMsg.FromString(socket.recv(PATIENCE, decode=False))
        if reply.WhichOneof("type") == "script_finished":
            return str(ForwardMsg.ScriptFinishedStatus.Name(reply.script_finished))


def _when_nobody_waits(visits: Iterable[Visit]) -> Iterator[Visit]:
    """Each visit at a moment when no browser loads a page and none is drawn for one."""
    for visit in visits:
        deadline = time.monotonic() + PATIENCE
        while _somebody_waits() and time.monotonic() < deadline:
            time.sleep(0.05)
        yield visit


def _somebody_waits() -> bool:
    if LAST_ASKED and time.monotonic() - LAST_ASKED[0] < LOADING_SECONDS:
        return True
    return any(thread.name == DRAWING for thread in threading.enumerate())


def _first_visit() -> Visit:
    """The page that was asked for first, if one is soon."""
    deadline = time.monotonic() + VISIT_SECONDS
    while not FIRST_VISIT and time.monotonic() < deadline:
        time.sleep(0.01)
    return FIRST_VISIT[0] if FIRST_VISIT else Visit()


def _read_store() -> None:
    with contextlib.suppress(StoreError):
        open_reader(tracking_uri()).runs()


def _base_path() -> str:
    return str(config.get_option("server.baseUrlPath")).strip("/")


def _connected() -> ClientConnection:
    deadline = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(ConnectionRefusedError):
            if not runtime.exists():  # nor are the options read yet
                raise ConnectionRefusedError
            address = str(config.get_option("server.address") or "")
            address = "127.0.0.1" if address in ("", "0.0.0.0", "::") else address
            base = f"ws://{address}:{config.get_option('server.port')}/{_base_path()}".rstrip("/")
            streamlit = [Subprotocol("streamlit")]
            return connect(f"{base}/_stcore/stream", subprotocols=streamlit, max_size=None)
        if time.monotonic() > deadline:
            raise TimeoutError("the server did not answer")
        time.sleep(0.1)


def keep_few_closed_sessions() -> None:
    """Let Streamlit forget closed pages soon.

    By itself it keeps 128 of them for two minutes, for browsers that lose their connection: each
    some megabytes and an event loop with three open files. Here the address brings a page back.
    """
    assert MemorySessionStorage.__init__.__code__.co_varnames[1] == "maxsize"
    _, *others = MemorySessionStorage.__init__.__defaults__ or ()
    MemorySessionStorage.__init__.__defaults__ = (CLOSED_SESSIONS, *others)


def forget_widgets_that_are_gone() -> None:
    """Let Streamlit forget what it knows of a widget when the page no longer has it.

    By itself it keeps the callback of every button that a session has ever been shown, with the
    run that it was for, until the tab is closed.
    """
    remove = WStates.remove_stale_widgets

    def with_metadata(self: WStates, active: frozenset[str], fragments: list[str] | None) -> None:
        remove(self, active, fragments)
        self.widget_metadata = {
            name: metadata
            for name, metadata in self.widget_metadata.items()
            if not _is_stale_widget(metadata, active, fragments)
        }

    WStates.remove_stale_widgets = with_metadata  # type: ignore[assignment,method-assign]


def keep_few_arenas() -> None:
    """Let glibc keep freed memory in two places instead of one for each of some dozen threads.

    Streamlit draws every page in a new thread; what one leaves free, another does not find.
    """
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 2)


def main() -> None:
    """Serve until stopped."""
    logs.set_up("dashboard")
    keep_few_arenas()
    keep_few_closed_sessions()
    forget_widgets_that_are_gone()
    gc.set_threshold(*COLLECT_AFTER)
    if OPEN in sys.argv:
        sys.argv.remove(OPEN)
        os.environ[OPEN_VARIABLE] = "yes"
    prepare()
    threading.Thread(target=warm_up, daemon=True).start()
    app = Path(__file__).with_name("app.py")
    cli.main(["run", str(app), *sys.argv[1:]], prog_name="streamlit")


if __name__ == "__main__":
    main()
