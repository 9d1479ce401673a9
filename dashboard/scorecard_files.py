"""The scorecard to take away: CSV, JSON, LaTeX and one HTML file that opens offline."""

from __future__ import annotations

import streamlit as st

from core.scorecard.card import Scorecard
from dashboard import downloads
from experiments import scorecard_data
from experiments.scorecard_report import report
from experiments.scorecards import Shelved


def offer(card: Scorecard, shelved: Shelved) -> None:
    """What was measured, as files; made when somebody asks."""
    files = {
        "CSV": ("csv", lambda: scorecard_data.csv(card)),
        "JSON": ("json", lambda: scorecard_data.as_json(card, shelved.properties())),
        "LaTeX": ("tex", lambda: scorecard_data.latex(card)),
        "HTML report": (
            "html",
            lambda: report(card, shelved.properties(), shelved.runs).encode(),
        ),
    }
    with st.container(horizontal=True, gap="small", key="scorecard-files"):
        for title, (ending, content) in files.items():
            downloads.offer(title, f"scorecard.{ending}", content, f"scorecard-{ending}")
