"""Everything about one run: result, settings, log, error, tables, model, how to reproduce it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas
import streamlit as st

from core.analysis.groups import machine_in_words, machine_of
from core.analysis.runs import last_row
from core.analysis.sizes import size_of_run
from core.experiment import Column
from core.experiments import experiment_named
from core.experiments.length_quality import LENGTH_QUALITY
from core.formatting import MAX_LETTERS, counted, inline_text, listed, one_line
from core.settings import settings_of
from core.store.records import ACTIVE, RunRecord
from dashboard import access
from dashboard.charts.scales import whole_numbers
from dashboard.navigation import COMPARE, RUNS, TRANSLATE, page_of
from dashboard.store import cache
from dashboard.ui import actions, bundles, controls, downloads, housekeeping
from dashboard.ui.text import (
    STATUS_COLOURS,
    STATUS_WORDS,
    duration,
    exact,
    interval,
    moment,
    number,
    plain,
    progress,
    status_message,
)
from dashboard.views.compare.picking import ID_LETTERS
from experiments.export import reproduction
from experiments.queue import retries_of

PREVIEW_ROWS = 200

NOTE_LETTERS = 300
"""A longer note is cut in the heading."""

TAG_LETTERS = 500

LOG_LETTERS = 20_000
"""The end of a log; the beginning is in the artifact."""


def show_run(run_id: str) -> None:
    """Everything that is known of a run, or a sentence if there is no run of that id."""
    record = cache.reader().run(run_id)
    if record is None:
        st.warning(
            plain(f"The address asks for run {run_id[:40]}, which is not in this store."),
            icon=":material/link_off:",
        )
        return
    with st.container(border=True, key="details"):
        _head(record)
        if record.unreadable:
            _unreadable(record)
            return
        housekeeping.remarks([record])
        _texts_in_full(record)
        _buttons(record)
        parts = {
            "Result": _result,
            "Settings": _settings,
            "Log": _log,
            "Tables": _tables,
            "Reproduce": _reproduce,
        }
        tabs = controls.tabs(list(parts), "details")
        for tab, draw in zip(tabs, parts.values(), strict=True):
            if tab.open:
                with tab:
                    draw(record)


def list_unreadable(records: Sequence[RunRecord]) -> None:
    """The runs that no list can show, each with the reason."""
    if not records:
        return
    title = f"{counted(len(records), 'run')} cannot be read"
    with st.expander(title, icon=":material/error:", key="unreadable"):
        for record in records:
            name = f"{record.experiment} · {inline_text(record.name)}"
            st.page_link(RUNS.path, label=plain(name), query_params={"run": record.run_id})
            st.text(record.unreadable)


def _unreadable(record: RunRecord) -> None:
    """What is left to show and to do where nobody can say what was run."""
    st.error(
        plain(
            f"This run cannot be read: {record.unreadable}. What it measured is untouched. Restore "
            "the tag in MLflow, and the run is back in every list and comparison."
        ),
        icon=":material/error:",
    )
    with st.container(horizontal=True):
        housekeeping.mlflow_link([record])
        if record.status in ACTIVE:
            actions.cancel_button(record, "cancel")
    with st.expander("Log", icon=":material/notes:"):
        _log(record)


def _log(record: RunRecord) -> None:
    text = cache.reader().store.log_text(record.run_id)
    st.code(text[-LOG_LETTERS:] or "Nothing logged yet.", language=None, height=300)


def _reproduce(record: RunRecord) -> None:
    st.caption("This command repeats the run in the foreground.")
    st.code(reproduction(record), None, wrap_lines=True)


def _head(record: RunRecord) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        star = "★ " if record.starred else ""
        st.subheader(plain(star + inline_text(record.name)), anchor=False, width="content")
        colour: Any = STATUS_COLOURS[record.status]
        st.badge(STATUS_WORDS[record.status], color=colour)
        if record.deleted:
            st.badge("deleted", icon=":material/delete:", color="gray")
    by = f" by {inline_text(record.launched_by)}" if record.launched_by else ""
    submitted = f"submitted {moment(record.submitted)}{by}"
    facts = [record.experiment, inline_text(record.sweep_name), submitted]
    if record.seconds is not None:
        facts.append(f"ran for {duration(record.seconds)}")
    if memory := record.state.get("memory"):
        facts.append(f"up to {memory / 2**20:,.0f} MB of memory")
    facts += [housekeeping.done_by(record), record.run_id]
    st.caption(plain(" · ".join(filter(None, facts))))
    if record.origin:
        st.caption(plain(_origin(record)))
    if record.status in ACTIVE:
        text = status_message(record)
        if record.status == "SCHEDULED" and (before := _before(record)):
            text += f", behind {counted(before, 'run')}"
        st.progress(progress(record), text=plain(text))


def _origin(record: RunRecord) -> str:
    """`Imported on 30 Nov, 03:12 by rui; measured on lab-7 (cuda, H100), as run 7f3a09d1.`"""
    machine = machine_of(record)
    host = machine.host or "another computer"
    where = machine_in_words(machine._replace(host=""))
    by = f" by {inline_text(record.user)}" if record.user else ""
    return (
        f"Imported on {moment(record.origin['imported'])}{by}; measured on {host}"
        f"{f' ({where})' if where else ''}, as run {record.original_id[:ID_LETTERS]}."
    )


def _before(record: RunRecord) -> int:
    """How many runs the queue takes before this one."""
    queued = [run.run_id for run in cache.reader().active() if run.status == "SCHEDULED"]
    return queued.index(record.run_id) if record.run_id in queued else 0


def _size(record: RunRecord) -> str:
    """What the run's network holds; of an older run, how its budget is read."""
    experiment = experiment_named(record.experiment)
    size = size_of_run(experiment, record.settings)
    if size is None:
        return ""
    sentence = (
        f"{size.parameters:,} parameters ({experiment.config.counted}), "
        f"{size.state_bytes:,} bytes of state"
    )
    if size.budget_name:
        sentence += f", {size.off_in_words} off its budget"
    sentence += "."
    if record.old_budget is not None:
        sentence += (
            f" It was recorded with a parameter budget of {record.old_budget:,}, which then "
            "counted the recurrent layers alone: it stands at the hidden size that it had, "
            f"{size.hidden_size:,}."
        )
    return sentence


def _texts_in_full(record: RunRecord) -> None:
    """Every letter of a text that is cut elsewhere, or that does not fit on one line there."""
    typed = {
        "Name": (record.name, MAX_LETTERS),
        "Sweep": (record.sweep_name, MAX_LETTERS),
        "Note": (record.note, NOTE_LETTERS),
        "Comment": (record.comment, housekeeping.COMMENT_LETTERS),
    }
    cut = {
        title: text
        for title, (text, limit) in typed.items()
        if len(text) > limit or text != one_line(text)
    }
    if not cut:
        return
    titles = listed([title.lower() for title in cut])
    with st.expander(f"Full text: {titles}", icon=":material/notes:"):
        for title, text in cut.items():
            st.caption(title)
            st.code(text, None, wrap_lines=True, height=200 if len(text) > 1000 else "content")


def _buttons(record: RunRecord) -> None:
    if record.deleted:
        housekeeping.actions_on([record], "details")
        return
    page = page_of(record.experiment)
    alone = {"runs": record.run_id[:ID_LETTERS]}
    with st.container(horizontal=True, vertical_alignment="center"):
        if record.status in ACTIVE:
            actions.cancel_button(record, "cancel")
        else:
            _retry_button(record)
        if page is not None and record.status == "FINISHED":
            st.page_link(
                page.path,
                label=page.title,
                icon=page.icon,
                query_params={"sweep": record.sweep or record.run_id},
            )
        if record.status == "FINISHED":
            st.page_link(
                COMPARE.path,
                label="Compare it",
                icon=COMPARE.icon,
                query_params={"sweep": record.sweep} if record.sweep else alone,
            )
        if record.experiment == LENGTH_QUALITY.name and record.status == "FINISHED":
            st.page_link(
                TRANSLATE.path,
                label="Translate with it",
                icon=TRANSLATE.icon,
                query_params=alone,
            )
        bundles.offer([record], "run-bundle")
    housekeeping.actions_on([record], "details")


def _retry_button(record: RunRecord) -> None:
    """Run it again; or the run that does so already."""
    again = retries_of(cache.reader().runs(archived=True)).get(record.run_id)
    if again is not None:
        st.page_link(
            RUNS.path,
            label=f"Run again: {STATUS_WORDS[again.status]}",
            icon=":material/replay:",
            query_params={"run": again.run_id},
        )
        return
    st.button(
        "Run it again",
        key="retry",
        icon=":material/replay:",
        disabled=not access.may_change([record]),
        on_click=actions.retry,
        args=(record,),
    )


def _result(record: RunRecord) -> None:
    if record.error:
        st.error(plain(record.error), icon=":material/error:")
    if record.note:
        st.markdown(f"##### {plain(inline_text(record.note, NOTE_LETTERS))}")
    traceback = record.tags.get("unroll.traceback", "")
    if traceback:
        long = traceback.count("\n") > 12
        st.code(traceback, None, wrap_lines=True, height=300 if long else "content")
    summary = experiment_named(record.experiment).summary
    measured = cache.reader().table(record, summary.table)
    if measured is None or measured.empty:
        st.text("No result." if record.status not in ACTIVE else "No result yet.")
        return
    values = last_row(measured)
    whole = whole_numbers(summary)
    lines = [
        {
            "Measure": column.heading,
            "Value": _measured(column, values.get(column.name), whole=column.name in whole),
            "95% interval": (
                interval(values.get(f"{column.name}_low"), values.get(f"{column.name}_high"))
                if column.estimate
                else ""
            ),
        }
        for column in (declared.of([record.settings]) for declared in summary.columns())
    ]
    st.table(pandas.DataFrame(lines), border="horizontal", hide_index=True, alt="Summary")


def _measured(column: Column, value: Any, *, whole: bool) -> str:
    """A count with all its digits, a measure with three, a note as it is."""
    if column.role == "note":
        return "" if pandas.isna(value) else plain(str(value))
    return exact(value, whole=True) if whole else number(value)


def _settings(record: RunRecord) -> None:
    declared = settings_of(experiment_named(record.experiment).config)
    lines = [
        {
            "Setting": setting.title,
            "Value": _value(record.settings.get(setting.name)),
            "Default": _value(setting.default),
        }
        for setting in declared
        if not setting.cells or record.settings.get("cell") in setting.cells
    ]
    st.table(pandas.DataFrame(lines), border="horizontal", hide_index=True, alt="Settings")
    if size := _size(record):
        st.caption(plain(size))
    tags = {k: v for k, v in record.tags.items() if not k.startswith(("unroll.", "mlflow.note"))}
    with st.expander("Machine and software"):
        st.table(
            pandas.DataFrame(
                {"Tag": list(map(_tag_text, tags)), "Value": list(map(_tag_text, tags.values()))}
            ),
            border="horizontal",
            hide_index=True,
            alt="Provenance",
        )


def _tag_text(text: str) -> str:
    """A tag as plain text: anybody may have set it, and a table shows Markdown."""
    return plain(inline_text(text, TAG_LETTERS))


def _value(value: object) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "on" if value else "off"
    return plain(str(value))


def _tables(record: RunRecord) -> None:
    """One of the run's tables, all of it as CSV, and the files of its model."""
    measured = {}
    for row in experiment_named(record.experiment).rows:
        table = cache.reader().table(record, row.table)
        if table is not None and not table.empty:
            measured[row.title] = (row, table)
    if not measured:
        st.text("No rows yet." if record.status in ACTIVE else "No rows were measured.")
        return
    row, table = measured[controls.choice("Table", list(measured), "table", most=0)]
    headings = {column.name: column.of([record.settings]).heading for column in row.columns()}
    st.caption(
        f"{counted(len(table), 'row')}; the first {min(len(table), PREVIEW_ROWS):,} are shown"
    )
    st.dataframe(table.head(PREVIEW_ROWS).rename(columns=headings), hide_index=True, alt=row.title)
    downloads.offer(
        "CSV",
        f"{record.experiment}-{record.run_id[:8]}-{row.table}.csv",
        lambda: cache.exact_rows([record], {record.run_id: record.name}, row.table),
        "run-table-csv",
        "secondary",
    )
    if record.status == "FINISHED":
        files = cache.model_files(cache.reader().store.uri, record.run_id).items()
        sizes = ", ".join(f"{name} ({exact(size, whole=True)} bytes)" for name, size in files)
        if sizes:
            st.caption(plain(f"Saved with the run, under model/: {sizes}."))
