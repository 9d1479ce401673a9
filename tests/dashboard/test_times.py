"""Times are those of the browser, wherever the server is."""

from __future__ import annotations

import pytest
import streamlit as st

from core.analysis.search import parse
from core.store.records import RunRecord
from dashboard.ui import text

NEW_YEARS_EVE = 1_798_732_800.0
"""31 December 2026, 16:00 UTC."""


@pytest.mark.parametrize(
    ("zone", "moment", "day"),
    [
        ("Pacific/Auckland", "1 Jan 2027, 05:00", "1 Jan"),
        ("America/Los_Angeles", "31 Dec 2026, 08:00", "31 Dec 2026"),
        ("Asia/Kolkata", "31 Dec 2026, 21:30", "31 Dec 2026"),
    ],
)
def test_a_time_is_told_where_the_person_is(
    zone: str, moment: str, day: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(st.context), "timezone", property(lambda _: zone))
    monkeypatch.setattr(text.time, "time", lambda: NEW_YEARS_EVE + 86_400)
    assert text.moment(NEW_YEARS_EVE) == moment
    assert text.day(NEW_YEARS_EVE) == day


@pytest.mark.parametrize("zone", [None, "", "Nowhere/At All", "../../etc/passwd"])
def test_without_a_known_zone_it_is_the_machine_s(
    zone: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = text.moment(NEW_YEARS_EVE)
    monkeypatch.setattr(type(st.context), "timezone", property(lambda _: zone))
    assert text.moment(NEW_YEARS_EVE) == expected


def test_a_search_asks_for_days_of_the_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunRecord("a", "1", "toy", "", "FINISHED", {}, "", NEW_YEARS_EVE, None, {}, {})
    found = {}
    for zone in ("Pacific/Auckland", "America/Los_Angeles"):
        monkeypatch.setattr(type(st.context), "timezone", property(lambda _, zone=zone: zone))
        found[zone] = parse("submitted>=2027-01-01", text.local).matches(run)
    assert found == {"Pacific/Auckland": True, "America/Los_Angeles": False}
