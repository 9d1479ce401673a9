"""One run in full: settings, result, log, error, tables, and how to make it again."""

from __future__ import annotations

from typing import Any

import pandas
import streamlit as st

from core.experiment import Column
from core.experiments import experiment_named
from core.experiments.length_quality import LENGTH_QUALITY
from core.names import LETTERS, among, one_line
from core.settings import settings_of
from core.tracking import ACTIVE, RunRecord
from core.words import listed
from dashboard import actions, data, run_tables
from dashboard.choosing import ID_LETTERS
from dashboard.declared import whole_numbers
from dashboard.navigation import COMPARE, TRANSLATE, page_of
from dashboard.wording import (
    STATUS_COLOURS,
    STATUS_WORDS,
    duration,
    exact,
    interval,
    moment,
    news,
    number,
    plain,
    progress,
)
from experiments.export import reproduction

NOTE_LETTERS = 300
"""Of a note in large letters."""
TAG_LETTERS = 500
MUCH, FULL_HEIGHT = 1000, 200
"""Letters that get a box of so many pixels, in which they scroll."""
LOG_LETTERS = 20_000
"""Of the end of a log: the beginning is in the artifact."""


def show(run_id: str) -> None:
    """Everything known of a run, or a sentence if there is none of that id."""
    record = data.reader().run(run_id)
    if record is None:
        st.warning(
            plain(f"The address asks for run {run_id[:40]}, which is not in this store."),
            icon=":material/link_off:",
        )
        return
    with st.container(border=True, key="details"):
        _head(record)
        _in_full(record)
        _buttons(record)
        names = ["Result", "Settings", "Log", "Tables", "Repeat it"]
        result, settings, log, tables, repeat = st.tabs(names)
        with result:
            _result(record)
        with settings:
            _settings(record)
        with log:
            text = data.reader().store.log_text(record.run_id)
            st.code(text[-LOG_LETTERS:] or "Nothing logged yet.", language=None, height=300)
        with tables:
            run_tables.show(record)
        with repeat:
            st.caption("This command makes the same run again, in the foreground.")
            st.code(reproduction(record), None, wrap_lines=True)


def _head(record: RunRecord) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(plain(among(record.name)), anchor=False, width="content")
        colour: Any = STATUS_COLOURS[record.status]
        st.badge(STATUS_WORDS[record.status], color=colour)
    facts = [record.experiment, among(record.sweep), f"submitted {moment(record.submitted)}"]
    if record.seconds is not None:
        facts.append(f"ran for {duration(record.seconds)}")
    facts.append(record.run_id)
    st.caption(plain(" · ".join(filter(None, facts))))
    if record.status in ACTIVE:
        st.progress(progress(record), text=plain(news(record)))


def _in_full(record: RunRecord) -> None:
    """Every letter of what is cut elsewhere, or whose letters cannot all be seen there."""
    typed = {
        "Name": (record.name, LETTERS),
        "Comparison": (record.sweep, LETTERS),
        "Note": (record.note, NOTE_LETTERS),
    }
    cut = {
        t: text for t, (text, most) in typed.items() if len(text) > most or text != one_line(text)
    }
    if not cut:
        return
    with st.expander(
        f"In full: {listed([title.lower() for title in cut])}", icon=":material/notes:"
    ):
        for title, text in cut.items():
            st.caption(title)
            st.code(
                text, None, wrap_lines=True, height=FULL_HEIGHT if len(text) > MUCH else "content"
            )


def _buttons(record: RunRecord) -> None:
    page, link = page_of(record.experiment), data.mlflow_link(record)
    with st.container(horizontal=True, vertical_alignment="center"):
        if record.status in ACTIVE:
            actions.cancel_button(record, "cancel")
        else:
            st.button(
                "Run it again",
                key="retry",
                icon=":material/replay:",
                on_click=actions.retry,
                args=(record,),
            )
        if page is not None and record.status == "FINISHED":
            st.page_link(
                page.path,
                label=page.title,
                icon=page.icon,
                query_params={"comparison": record.sweep or record.run_id},
            )
        if record.status == "FINISHED":
            st.page_link(
                COMPARE.path,
                label="Compare it",
                icon=COMPARE.icon,
                query_params={"comparison": record.sweep}
                if record.sweep
                else {"runs": record.run_id[:ID_LETTERS]},
            )
        if record.experiment == LENGTH_QUALITY.name and record.status == "FINISHED":
            st.page_link(
                TRANSLATE.path,
                label="Translate with it",
                icon=TRANSLATE.icon,
                query_params={"runs": record.run_id[:ID_LETTERS]},
            )
        if link is not None:
            st.link_button("MLflow", link, icon=":material/open_in_new:", type="tertiary")


def _result(record: RunRecord) -> None:
    if record.error:
        st.error(plain(record.error), icon=":material/error:")
    if record.note:
        st.markdown(f"##### {plain(among(record.note, NOTE_LETTERS))}")
    traceback = record.tags.get("unroll.traceback", "")
    if traceback:
        long = traceback.count("\n") > 12
        st.code(traceback, None, wrap_lines=True, height=300 if long else "content")
    summary = experiment_named(record.experiment).summary
    measured = data.reader().table(record, summary.table)
    if measured is None or measured.empty:
        st.text("No result." if record.status not in ACTIVE else "No result yet.")
        return
    values = measured.iloc[-1]
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
        for column in summary.columns()
    ]
    st.table(pandas.DataFrame(lines), border="horizontal", hide_index=True, alt="Summary")


def _measured(column: Column, value: Any, *, whole: bool) -> str:
    """A count to the last digit, a measure to three, a note as it is."""
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
    tags = {k: v for k, v in record.tags.items() if not k.startswith(("unroll.", "mlflow.note"))}
    with st.expander("Where it ran, and on what"):
        st.table(
            pandas.DataFrame(
                {"Tag": list(map(_typed, tags)), "Value": list(map(_typed, tags.values()))}
            ),
            border="horizontal",
            hide_index=True,
            alt="Provenance",
        )


def _typed(text: str) -> str:
    """A tag, which anybody may have set: a table shows Markdown."""
    return plain(among(text, TAG_LETTERS))


def _value(value: object) -> str:
    if value is None:
        return "left out"
    if isinstance(value, bool):
        return "on" if value else "off"
    return plain(str(value))
