"""What one run has recorded: its tables, and the model that it kept."""

from __future__ import annotations

import streamlit as st

from core.experiments import experiment_named
from core.tracking import ACTIVE, RunRecord
from core.words import counted
from dashboard import data, downloads
from dashboard.wording import exact, plain

PREVIEW_ROWS = 200


def show(record: RunRecord) -> None:
    """One of the run's tables, all of them as CSV, and the files of its model."""
    there = {}
    for row in experiment_named(record.experiment).rows:
        table = data.reader().table(record, row.table)
        if table is not None and not table.empty:
            there[row.title] = (row, table)
    if not there:
        st.text("No rows yet." if record.status in ACTIVE else "No rows were measured.")
        return
    title = st.selectbox("Table", list(there), key="table", bind="query-params")
    row, table = there[title]
    headings = {column.name: column.heading for column in row.columns()}
    st.caption(
        f"{counted(len(table), 'row')}; the first {min(len(table), PREVIEW_ROWS):,} are shown"
    )
    st.dataframe(table.head(PREVIEW_ROWS).rename(columns=headings), hide_index=True, alt=row.title)
    downloads.offer(
        "CSV",
        f"{record.experiment}-{record.run_id[:8]}-{row.table}.csv",
        lambda: data.exact_rows([record], {record.run_id: record.name}, row.table),
        "run-table-csv",
        "secondary",
    )
    _files(record)


def _files(record: RunRecord) -> None:
    """The model, if the run has kept one."""
    if record.status != "FINISHED":
        return
    files = data.model_files(data.reader().store.uri, record.run_id)
    said = ", ".join(f"{name} ({exact(size, whole=True)} bytes)" for name, size in files.items())
    if said:
        st.caption(plain(f"Kept with the run, under model/: {said}."))
