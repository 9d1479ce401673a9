"""What people take away of a comparison: files, a page that opens offline, commands, a link."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from dashboard import charts, downloads
from dashboard.choosing import ID_LETTERS
from dashboard.drawing import Chart
from experiments.comparing import Comparison
from experiments.comparison_files import as_json, csv
from experiments.comparison_report import report
from experiments.export import reproduction
from experiments.latex import comparison_tables


def offer(comparisons: Sequence[Comparison], drawings: Mapping[str, Chart]) -> None:
    """Every format, made when somebody asks for it."""
    files: dict[str, tuple[str, Callable[[], bytes]]] = {
        "HTML report": ("html", lambda: _page(comparisons, drawings)),
        "CSV": ("csv", lambda: csv(comparisons)),
        "JSON": ("json", lambda: as_json(comparisons)),
        "LaTeX": ("tex", lambda: comparison_tables(comparisons)),
    }
    st.subheader("Take it away", anchor=False)
    with st.container(horizontal=True, gap="small"):
        for title, (ending, content) in files.items():
            name = f"comparison.{ending}"
            downloads.offer(title, name, content, f"take-{name}", "secondary")
    runs = [run for comparison in comparisons for run in comparison.runs]
    with st.expander("Make these runs again", icon=":material/terminal:"):
        st.caption("One command per run; and the one that compares them.")
        commands = "\n".join(reproduction(run) for run in runs)
        ids = " ".join(run.run_id[:ID_LETTERS] for run in runs)
        st.code(f"{commands}\npython -m experiments compare {ids}", None, wrap_lines=True)


def _page(comparisons: Sequence[Comparison], drawings: Mapping[str, Chart]) -> bytes:
    drawn = {name: [_svg(chart)] for name, chart in drawings.items()}
    return report(comparisons, drawn).encode()


def _svg(chart: Chart) -> str:
    return downloads.picture(lambda: charts.for_print(chart), "svg").read().decode()
