"""Unroll's dashboard: navigation and theme only. Run: streamlit run dashboard/app.py"""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:  # Streamlit puts only this file's folder there
    sys.path.insert(0, str(HERE.parent))

# The system's allocator returns memory that Arrow's own would keep.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")

import streamlit as st  # noqa: E402

from dashboard.navigation import PAGES  # noqa: E402
from dashboard.ui import controls, housekeeping  # noqa: E402
from dashboard.ui.states import follow_changes, older_runs, store_problems  # noqa: E402

st.set_page_config(page_title="Unroll", page_icon=str(HERE / "mark.svg"), layout="wide")
st.html(HERE / "style.css")
st.logo(str(HERE / "wordmark.svg"), size="large", icon_image=str(HERE / "mark.svg"))
sections: dict[str, list[st.Page]] = {}
for page in PAGES:
    sections.setdefault(page.section, []).append(
        st.Page(
            page.path,
            title=page.title,
            icon=page.icon,
            help=page.summary,
            url_path=page.address,
            default=page is PAGES[0],
        )
    )
with store_problems(), controls.notices():
    older_runs()
    follow_changes()
    housekeeping.undo_notice()
    st.navigation(sections).run()
