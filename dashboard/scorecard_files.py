"""The scorecard to take away: CSV, JSON, LaTeX and one HTML file that opens offline."""

from __future__ import annotations

import streamlit as st

from core.scorecard.card import Scorecard
from dashboard import scorecard_figures
from experiments import scorecard_data
from experiments.scorecard_report import report
from experiments.scorecards import Shelved


def offer(card: Scorecard, shelved: Shelved) -> None:
    """What was measured, as files; made when somebody asks."""
    measured = any(question.lines for question in card.questions)
    files = {
        "CSV": ("csv", "text/csv", lambda: scorecard_data.csv(card)),
        "JSON": (
            "json",
            "application/json",
            lambda: scorecard_data.as_json(card, shelved.properties()),
        ),
        "LaTeX": ("tex", "application/x-tex", lambda: scorecard_data.latex(card)),
        "HTML report": ("html", "text/html", lambda: _report(card, shelved, figure=measured)),
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


def _report(card: Scorecard, shelved: Shelved, *, figure: bool) -> bytes:
    svg = scorecard_figures.rendered(card, "svg").getvalue().decode() if figure else ""
    return report(card, shelved.properties(), shelved.runs, svg).encode()
