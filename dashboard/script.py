"""What every page begins with: sign-in, navigation, theme. Streamlit runs it for each view."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard import access
from dashboard.navigation import PAGES
from dashboard.ui import controls, housekeeping, links
from dashboard.ui.states import follow_changes, older_runs, store_problems

HERE = Path(__file__).resolve().parent

st.set_page_config(page_title="Unroll", page_icon=str(HERE / "mark.svg"), layout="wide")
st.html(HERE / "style.css")
st.logo(str(HERE / "wordmark.svg"), size="large", icon_image=str(HERE / "mark.svg"))
access.require_sign_in()
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
    st.session_state.pop(links.ADDED, None)
    corner = st.container(
        key="page-link", horizontal=True, gap="small", vertical_alignment="center"
    )
    current = st.navigation(sections, expanded=True)
    current.run()
    with corner:
        links.save_page(current.url_path)
        links.copy_page()
    with st.sidebar:
        access.account_menu()
