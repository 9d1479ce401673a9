"""What people take away of a comparison: files, a page that opens offline, commands, a link."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO

import streamlit as st

from dashboard import charts, drawing, export
from dashboard.choosing import ID_LETTERS
from dashboard.drawing import Chart
from experiments.comparing import Comparison
from experiments.comparison_files import as_json, csv
from experiments.comparison_report import report
from experiments.export import reproduction
from experiments.latex import comparison_tables


@dataclass(frozen=True)
class Download:
    """A file of what is compared."""

    title: str
    name: str
    mime: str
    content: Callable[[], bytes]


def offer(
    comparisons: Sequence[Comparison],
    drawings: Mapping[str, Chart],
) -> None:
    """Every format, made when somebody asks for it."""
    files = (
        Download(
            "HTML report",
            "comparison.html",
            "text/html",
            lambda: _page(comparisons, drawings),
        ),
        Download("CSV", "comparison.csv", "text/csv", lambda: csv(comparisons)),
        Download("JSON", "comparison.json", "application/json", lambda: as_json(comparisons)),
        Download("LaTeX", "comparison.tex", "text/x-tex", lambda: comparison_tables(comparisons)),
    )
    st.subheader("Take it away", anchor=False)
    with st.container(horizontal=True, gap="small"):
        for file in files:
            st.download_button(
                file.title,
                data=lambda file=file: BytesIO(file.content()),  # type: ignore[misc]
                file_name=file.name,
                mime=file.mime,
                icon=":material/download:",
                on_click="ignore",
                key=f"take-{file.name}",
            )
    runs = [run for comparison in comparisons for run in comparison.runs]
    with st.expander("Make these runs again", icon=":material/terminal:"):
        st.caption("One command per run; and the one that compares them.")
        commands = "\n".join(reproduction(run) for run in runs)
        ids = " ".join(run.run_id[:ID_LETTERS] for run in runs)
        st.code(f"{commands}\npython -m experiments compare {ids}", None, wrap_lines=True)


def _page(comparisons: Sequence[Comparison], drawings: Mapping[str, Chart]) -> bytes:
    drawn = {
        name: [export.rendered(drawing.written_out(charts.for_print(chart)), "svg").read().decode()]
        for name, chart in drawings.items()
    }
    return report(comparisons, drawn).encode()
