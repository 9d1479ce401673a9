"""The scorecard to take away: CSV, JSON, LaTeX and one HTML file that opens offline."""

from __future__ import annotations

import streamlit as st

from core.scorecard.card import Scorecard
from experiments import scorecard_data
from experiments.scorecard_report import report
from experiments.scorecards import Shelved


def offer(card: Scorecard, shelved: Shelved) -> None:
    """What was measured, as files; made when somebody asks."""
    files = {
        "CSV": ("csv", "text/csv", lambda: scorecard_data.csv(card)),
        "JSON": (
            "json",
            "application/json",
            lambda: scorecard_data.as_json(card, shelved.properties()),
        ),
        "LaTeX": ("tex", "application/x-tex", lambda: scorecard_data.latex(card)),
        "HTML report": (
            "html",
            "text/html",
            lambda: report(card, shelved.properties(), shelved.runs).encode(),
        ),
    }
    with st.container(horizontal=True, gap="small", key="scorecard-files"):
        for title, (ending, mime, content) in files.items():
            st.download_button(
                title,
                data=content,
                file_name=f"scorecard.{ending}",
                mime=mime,
                type="tertiary",
                icon=":material/download:",
                on_click="ignore",
                key=f"scorecard-{ending}",
            )
