"""The runs of one experiment side by side: what differs, each measure, the verdicts, the curves."""

from __future__ import annotations

import pandas
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.names import among
from core.words import counted, listed
from dashboard import (
    bars,
    compared_curves,
    compared_tables,
    controls,
    drawing,
    states,
    verdict_tiles,
)
from dashboard.curves import Repeats
from dashboard.drawing import Chart
from dashboard.section import NOBODY, Section, put_chart
from dashboard.wording import plain
from experiments.comparing import MOST_COMPARED, Comparison, Result, exact
from experiments.comparing_words import answer, method, said, verdict
from experiments.grouping import mixed


def draw(section: Section, row: DeltaGenerator, top: DeltaGenerator) -> Chart | None:
    """Everything: the answer at the `top`, controls in a `row`; the chart of curves, if any."""
    comparison = section.comparison
    result = comparison.headline
    brought_out = NOBODY
    with row:
        if result is not None:
            _measure_control(section)
            brought_out = _bring_out(section)
    with top:
        states.answer(answer(comparison))
        _remarks(comparison)
    if result is not None:
        _dots(section, result, brought_out)
        _verdicts(section, result)
    chart = compared_curves.draw(section, brought_out)
    st.subheader("Settings that differ", anchor=False)
    compared_tables.settings(comparison)
    st.subheader("Every measure", anchor=False)
    compared_tables.results(comparison)
    with st.expander("How this was measured", icon=":material/science:"):
        st.markdown(plain(method(comparison)))
    return chart


def _measure_control(section: Section) -> None:
    titles = {r.column.name: r.column.heading for r in section.comparison.results}
    first = section.comparison.first
    default = first.column.name if first else ""
    key = section.key("measure")
    controls.choice("Measure", list(titles), key, default=default, most=0, names=titles)


def _bring_out(section: Section) -> str:
    names = [NOBODY, *(group.name for group in section.comparison.groups)]
    return controls.choice("Bring out", names, section.key("highlight"), most=0)


def _remarks(comparison: Comparison) -> None:
    if comparison.without:
        names = listed([among(run.name) for run in comparison.without[:3]])
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
    put_chart(section, chart, f"{result.column.heading} by group. {told}", "measure")


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
    st.caption(verdict_tiles.key(result))
    drawn = verdict_tiles.tiles(result, comparison.repeat)
    drawing.show(drawn, f"Verdict for every pair of groups. {words}")
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
