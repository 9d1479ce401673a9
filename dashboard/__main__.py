"""`python -m dashboard`: `streamlit run dashboard/app.py`, options and all, but ready for the first
person: the libraries are loaded and the store is being read before somebody opens a page.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from pathlib import Path

import altair
from streamlit.web import cli

from core import experiments, store_folder
from core.settings import BadSetting
from core.store_folder import StoreError
from dashboard import reader

assert altair, experiments  # loaded ahead


def _read_ahead() -> None:
    # What is wrong with the store is said on the page.
    with contextlib.suppress(StoreError, BadSetting):
        reader.opened(store_folder.tracking_uri()).runs()


def main() -> None:
    """Serve until stopped."""
    threading.Thread(target=_read_ahead, name="read ahead", daemon=True).start()
    app = Path(__file__).with_name("app.py")
    cli.main(["run", str(app), *sys.argv[1:]], prog_name="streamlit")


if __name__ == "__main__":
    main()
