"""The limits as fields, one for each measure, and as boxes for needs; all are in the address."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from core.analysis.limits import (
    NEEDS,
    SIGNS,
    AnyLimit,
    Need,
    limitable,
    parse_limits,
    split_limit,
    usual_sign,
)
from core.analysis.scorecard import Scorecard
from core.analysis.scorecard_sentences import FIT_MARKS, struck_by
from core.experiments import all_experiments
from core.settings import BadSetting
from dashboard.ui import controls
from dashboard.ui.text import plain

LIMIT = "limit"
"""The key in the address, once for each limit."""

FIELD_PIXELS = 168
"""Their longest title is one line."""

Place = tuple[str, str]
"""A measure and the side on which it is limited: `latency_p99_us`, `<=`."""


def ask() -> list[AnyLimit]:
    """Show the fields and return the limits in them; what is no limit is explained."""
    asked = _asked()
    needs = [name for name in NEEDS if name in controls.asked(LIMIT)]
    usual = [(name, usual_sign(column)) for name, column in limitable().items()]
    costs = _costs()
    shown = list(dict.fromkeys([*(place for place in usual if place[0] in costs), *asked]))
    others = [place for place in usual if place not in shown]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="limits"):
        for place in shown:
            _field(place, asked)
        for need in NEEDS.values():
            _box(need)
        with st.popover("More limits", icon=":material/add:", help="On any other measure"):
            for place in others:
                _field(place, asked)
    limits: list[AnyLimit] = [NEEDS[name] for name in needs]
    for (name, sign), amount in asked.items():
        try:
            limits += parse_limits([f"{name}{sign}{amount}"])
        except BadSetting as error:
            st.error(plain(f"{error}."), icon=":material/block:")
    return limits


def _costs() -> frozenset[str]:
    """The measures that most people have limits on: what is counted, and absolute times."""
    return frozenset(
        name
        for experiment in all_experiments()
        for name in (
            *(headline.name for headline in experiment.headlines if headline.counted),
            *experiment.unranked,
        )
    )


def _asked() -> dict[Place, str]:
    """The amounts in the address, as they were typed; a limit on nothing known is left out."""
    asked: dict[Place, str] = {}
    for text in controls.asked(LIMIT):
        if text in NEEDS:
            continue
        try:
            name, sign, amount = split_limit(text)
        except BadSetting as error:
            controls.say_bad_link(LIMIT, text, str(error), "It is left out.")
        else:
            asked[name, sign] = amount
    return asked


def _put(asked: Mapping[Place, str]) -> None:
    """Write the amounts, beside the needs that are there."""
    needs = [name for name in NEEDS if name in controls.asked(LIMIT)]
    amounts = [f"{name}{sign}{amount}" for (name, sign), amount in asked.items()]
    controls.put(LIMIT, [*amounts, *needs], [])


def _box(need: Need) -> None:
    """A need, ticked or not."""
    key = f"need {need.name}"
    st.session_state[key] = need.name in controls.asked(LIMIT)

    def write() -> None:
        others = [text for text in controls.asked(LIMIT) if text != need.name]
        controls.put(LIMIT, [*others, need.name] if st.session_state[key] else others, [])

    st.checkbox(need.title, key=key, help=plain(need.description), width="content", on_change=write)


def _field(place: Place, asked: Mapping[Place, str]) -> None:
    """One limit: empty for none."""
    name, sign = place
    column = limitable()[name]
    key = f"limit {name} {sign}"
    st.session_state[key] = asked.get(place, "")

    def write() -> None:
        typed = str(st.session_state[key]).strip()
        rest = {other: amount for other, amount in asked.items() if other != place}
        _put({**rest, place: typed} if typed else rest)

    unit = f" In {column.unit}, unless it is typed with a unit." if column.unit else ""
    st.text_input(
        plain(f"{column.title} {SIGNS[sign]}"),
        key=key,
        placeholder=f"no limit ({column.unit})" if column.unit else "no limit",
        help=plain(f"{column.description}{unit}"),
        width=FIELD_PIXELS,
        on_change=write,
    )


COLOURS = {"fits": "green", "not decided": "orange", "not measured": "gray", "does not fit": "red"}


def show_verdicts(card: Scorecard) -> None:
    """A badge for each layer: whether it keeps the limits, and why not."""
    if not card.limits:
        return
    badges = []
    for kind, fit in card.fits.items():
        name = f"~~{plain(kind)}~~" if fit == "does not fit" else plain(kind)
        badge = f":{COLOURS[fit]}-badge[{FIT_MARKS[fit]} {name}]"
        reason = "" if fit == "fits" else f" {plain(struck_by(card, kind))}"
        words = {"not decided": " not decided:", "not measured": " not measured:"}.get(fit, "")
        badges.append(f"{badge}{words}{reason}")
    with st.container(horizontal=True, gap="medium", key="fits"):
        for badge in badges:
            st.markdown(badge, width="content")
