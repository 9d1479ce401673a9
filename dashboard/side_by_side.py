"""The runs of one experiment side by side: what differs, each measure, the verdicts, the curves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas
import streamlit as st

from core.words import counted, listed
from dashboard import bars, charts, controls, curves, data, overlays, states, verdict_tiles
from dashboard.address import check, put
from dashboard.curves import Repeats
from dashboard.declared import in_order
from dashboard.figures import chart_files
from dashboard.overlays import Overlay
from dashboard.palette import Style, shade, styles
from dashboard.wording import plain
from experiments.comparing import MOST_COMPARED, Comparison, Result, exact
from experiments.comparing_words import (
    MARKS,
    answer,
    interval,
    method,
    repeats_in_words,
    said,
    verdict,
)
from experiments.grouping import mixed

NOBODY = "Nobody"
FADED = 0.78
"""How far what is not brought out goes towards the background."""


@dataclass(frozen=True)
class Section:
    """One experiment's part of the page: what is compared, and how it is drawn."""

    comparison: Comparison
    prefix: str = ""
    """Of what the address calls its controls, where there are several sections."""

    def key(self, name: str) -> str:
        """How the address calls a control."""
        return f"{self.prefix}{name}"

    @property
    def name(self) -> str:
        """Of the experiment."""
        return self.comparison.experiment.name

    def styles(self, brought_out: str) -> dict[str, Style]:
        """By group; of all but the one that is brought out paler."""
        dark = data.dark()
        found = styles({g.name: g.variant for g in self.comparison.groups}, dark=dark)
        if brought_out == NOBODY:
            return found
        pale = -FADED if dark else FADED
        return {
            name: style if name == brought_out else Style(shade(style.colour, pale), style.dash)
            for name, style in found.items()
        }


def draw(section: Section) -> tuple[str, charts.Chart | None]:
    """Everything but the answer's place; the measure that was chosen, and the curves if any."""
    comparison = section.comparison
    measure = _chosen(section)
    states.answer(answer(comparison, measure))
    _remarks(comparison)
    result = comparison.result(measure)
    brought_out = NOBODY
    if result is not None:
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
            _measure_control(section)
            brought_out = _bring_out(section)
        _dots(section, result, brought_out)
        _verdicts(section, result)
    chart = _curves(section, brought_out)
    st.subheader("Settings that differ", anchor=False)
    _settings_table(comparison)
    st.subheader("Every measure", anchor=False)
    _results_table(comparison)
    with st.expander("How this was measured", icon=":material/science:"):
        st.markdown(plain(method(comparison)))
    return measure, chart


def _chosen(section: Section) -> str:
    """The measure in the address, else the first that is judged."""
    names = [result.column.name for result in section.comparison.results]
    headline = section.comparison.headline
    default = headline.column.name if headline else ""
    key = section.key("measure")
    if not check(key, names):
        del st.query_params[key]
    return controls.value(key, names, default)


def _measure_control(section: Section) -> None:
    headline = section.comparison.headline
    assert headline is not None, "there is a measure"
    names = [result.column.name for result in section.comparison.results]
    controls.choice("Measure", names, section.key("measure"), default=headline.column.name, most=0)


def _bring_out(section: Section) -> str:
    names = [NOBODY, *(group.name for group in section.comparison.groups)]
    return controls.choice("Bring out", names, section.key("highlight"), most=0)


def _remarks(comparison: Comparison) -> None:
    if comparison.without:
        names = listed([run.name[:80] for run in comparison.without[:3]])
        rest = len(comparison.without) - 3
        more = f" and {counted(rest, 'other')}" if rest > 0 else ""
        st.warning(plain(f"Left out, because nothing was recorded: {names}{more}."))
    pooled = {g.name: mixed(comparison.experiment, g) for g in comparison.groups}
    several = {name: titles for name, titles in pooled.items() if titles}
    if several:
        name, titles = next(iter(several.items()))
        st.caption(
            plain(
                f"{name} pools runs that differ in {listed(titles).lower()} too: what lies between "
                "them is part of its interval."
            )
        )
    if len(comparison.groups) == 1:
        st.caption("One group alone: there is nothing to tell it from. Pick more runs.")


def _dots(section: Section, result: Result, brought_out: str) -> None:
    bands = pandas.DataFrame(
        [
            {"label": name, "value": e.value, "low": e.low, "high": e.high, "n": e.n}
            for name, e in result.estimates.items()
            if e.value is not None
        ],
        columns=["label", "value", "low", "high", "n"],
    ).astype({"value": float, "low": float, "high": float})
    if bands.empty:
        st.info("None of these runs has a value of this measure.")
        return
    repeats = Repeats(count="" if exact(result) else "n")
    chart = bars.dots(bands, result.column, section.styles(brought_out), repeats, clickable=True)
    told = "; ".join(f"{n}: {said(e.value)}" for n, e in result.estimates.items())
    _put(section, chart, f"{result.column.heading} by group. {told}", "measure")


def _put(section: Section, chart: charts.Chart, alt: str, name: str) -> None:
    """A chart in which a click on a mark or on the legend brings a group out in all of them."""
    key = f"{section.name} {name}"

    def chosen() -> None:
        found = st.session_state[key]["selection"].get("highlighted") or []
        labels = (
            [str(one["label"]) for one in found if "label" in one]
            if isinstance(found, list)
            else []
        )
        if labels:
            place = section.key("highlight")
            same = st.query_params.get(place) == labels[-1]
            put(place, NOBODY if same else labels[-1], NOBODY)

    st.altair_chart(
        chart,
        width="stretch",
        alt=alt,
        key=key,
        on_select=chosen,
        selection_mode="highlighted",
    )
    with st.container(horizontal=True, horizontal_alignment="right", gap="small"):
        chart_files(chart, f"{section.name}-{name}")


def _verdicts(section: Section, result: Result) -> None:
    """A tile per pair, and the same as a table of words."""
    comparison = section.comparison
    if not result.differences:
        if len(comparison.groups) > MOST_COMPARED:
            st.info(
                f"{len(comparison.groups)} groups: pairs are judged of up to {MOST_COMPARED}. "
                "Pick fewer runs, or group them by a setting."
            )
        return
    st.subheader("Is it more than noise?", anchor=False)
    pairs = result.differences
    words = "; ".join(f"{d.first} is {d.finding} {d.second}" for d in pairs[:20])
    st.altair_chart(
        verdict_tiles.tiles(result, comparison.repeat),
        width="stretch",
        alt=f"Verdict for every pair of groups. {words}",
    )
    with st.expander(f"The {counted(len(pairs), 'pair')} in words"):
        st.dataframe(
            pandas.DataFrame(
                {
                    "Group": [d.first for d in pairs],
                    "is": [verdict(d, comparison.repeat) for d in pairs],
                    "than, or from": [d.second for d in pairs],
                    "p, corrected": [d.corrected_p for d in pairs],
                    "p alone": [d.p_value for d in pairs],
                }
            ),
            hide_index=True,
            placeholder="–",
            alt="Verdicts, one pair a line",
        )


def _curves(section: Section, brought_out: str) -> charts.Chart | None:
    comparison, table = section.comparison, data.reader().table
    found = overlays.overlays(comparison, table)
    if not found:
        return None
    st.subheader("Curves", anchor=False)
    place = st.container()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        overlay = found[controls.choice("Table", list(found), section.key("table"), most=0)]
        y = _column(overlay.measures, "Up", section.key("up"))
        x = _column(overlay.axes, "Across", section.key("across"))
        rows = _sliced(section, overlay, overlays.rows(comparison, overlay.row, table), x)
    seen = curves.thin(rows.dropna(subset=[overlay.measures[y].name]), overlay.axes[x].name)
    bands = overlays.bands(seen, overlay.row, overlay.axes[x].name, overlay.measures[y])
    if bands.empty:
        place.info("None of these runs has a value there.")
        return None
    across, up = overlay.axes[x], overlay.measures[y]
    chart = charts.curves(
        bands,
        across,
        up,
        section.styles(brought_out),
        sizes=overlays.logarithmic(bands[across.name]),
    )
    with place:
        alt = charts.description(comparison.experiment.question, bands, across, up)
        _put(section, chart, alt, "curves")
    return chart


def _column(columns: tuple[object, ...], title: str, key: str) -> int:
    names = [str(getattr(column, "name", "")) for column in columns]
    if len(names) == 1:
        return 0
    return names.index(controls.choice(title, names, key, most=0))


def _sliced(section: Section, overlay: Overlay, rows: pandas.DataFrame, x: int) -> pandas.DataFrame:
    """At one value of every axis but the one drawn against."""
    for column in overlay.row.columns():
        name = column.name
        if column.role != "axis" or name in ("seed", overlay.axes[x].name) or rows.empty:
            continue
        values = [str(value) for value in in_order(overlay.row, name, rows[name])]
        default = values[-1 if column.latest or column.curve else 0]
        kept = default
        if len(values) > 1:
            kept = controls.choice(
                column.title, values, section.key(f"at_{name}"), default=default, most=0
            )
        rows = rows[rows[name].astype(str) == kept]
    return rows


def _settings_table(comparison: Comparison) -> None:
    if not comparison.settings:
        st.text("None: these runs differ in nothing that was set.")
        return
    names = [group.name for group in comparison.groups]
    table = pandas.DataFrame({"Group": names})
    for line in comparison.settings:
        table[line.title] = [line.values[name] for name in names]
    _wide(table, "Settings in which the groups differ, one line per group")


def _results_table(comparison: Comparison) -> None:
    """One line per group: each measure with its interval, n and mark; and the notes."""
    names = [group.name for group in comparison.groups]
    table = pandas.DataFrame({"Group": names})
    table["Runs"] = [len(group.runs) for group in comparison.groups]
    for result in comparison.results:
        table[result.column.heading] = [_cell(comparison, result, name) for name in names]
    for title, notes in comparison.notes.items():
        table[title] = [notes.get(name, "") for name in names]
    help_of = {r.column.heading: r.column.description or None for r in comparison.results}
    _wide(table, "Every measure with its 95% interval and n, one line per group", help_of)


def _cell(comparison: Comparison, result: Result, name: str) -> str:
    estimate = result.estimates[name]
    if estimate.value is None:
        return "–"
    ends = interval(estimate)
    parts = [said(estimate.value), f"({ends})" if ends else ""]
    if not exact(result):
        parts.append(f"· {repeats_in_words(result, name, comparison.repeat)}")
    parts.append(MARKS[result.marks.get(name, "")])
    return " ".join(filter(None, parts))


def _wide(
    table: pandas.DataFrame, alt: str, help_of: Mapping[str, str | None] | None = None
) -> None:
    config = {
        title: st.column_config.TextColumn(help=text) for title, text in (help_of or {}).items()
    }
    config["Group"] = st.column_config.TextColumn(pinned=True)
    st.dataframe(table, hide_index=True, column_config=config, alt=alt)
