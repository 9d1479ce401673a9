"""`python -m dashboard` runs `streamlit run dashboard/app.py` with the same options, and loads the
libraries, reads the store and compares what the overview shows before anybody opens a page.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from pathlib import Path

import altair
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.web import cli

from core import experiments
from core.experiments import all_experiments
from core.settings import BadSetting
from core.store.folder import StoreError
from dashboard.store import cache

assert altair, experiments  # imported so that the first page does not wait for them


CLOSED_SESSIONS, CLOSED_SECONDS = 16, 30
"""How many closed pages are kept, and how long."""


def _read_ahead() -> None:
    # The page says what is wrong with the store.
    with contextlib.suppress(StoreError, BadSetting):
        for experiment in all_experiments():
            if (sweep := cache.headline(experiment)) and sweep.finished:
                cache.comparison(experiment, sweep.finished)


def keep_few_closed_sessions() -> None:
    """Let Streamlit forget closed pages soon.

    By itself it keeps 128 of them for two minutes, for browsers that lose their connection: each
    some megabytes and an event loop with three open files. Here the address brings a page back.
    """
    assert MemorySessionStorage.__init__.__code__.co_varnames[1:3] == ("maxsize", "ttl_seconds")
    MemorySessionStorage.__init__.__defaults__ = (CLOSED_SESSIONS, CLOSED_SECONDS)


def main() -> None:
    """Serve until stopped."""
    keep_few_closed_sessions()
    threading.Thread(target=_read_ahead, name="read ahead", daemon=True).start()
    app = Path(__file__).with_name("app.py")
    cli.main(["run", str(app), *sys.argv[1:]], prog_name="streamlit")


if __name__ == "__main__":
    main()
