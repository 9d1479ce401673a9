"""Charts are built once, and reach the browser as Altair writes them."""

from __future__ import annotations

from typing import Any

import altair
import pandas
import pyarrow
import pytest

from core.experiment import Column
from core.experiments.gradient_decay.declaration import GradientDecaySummary
from dashboard.charts.render import Drawing, cached, show, to_vega_lite

built: list[str] = []

NUMBERS = pandas.DataFrame({"x": [1, 2], "y": [3.0, 4.0]})


@cached
def line(numbers: pandas.DataFrame, colour: str, column: Column | None = None) -> Any:
    built.append(colour)
    return altair.Chart(numbers).mark_line(color=colour).encode(x="x:Q", y="y:Q")


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the browser would get."""
    found: list[dict[str, Any]] = []
    monkeypatch.setattr("streamlit.vega_lite_chart", lambda **given: found.append(given))
    built.clear()
    return found


def test_the_same_chart_is_built_once_and_shown_with_its_words(shown: list[dict[str, Any]]) -> None:
    for _ in range(2):
        show(line(NUMBERS.copy(), "red"), "a line", key="a")
    assert built == ["red"]
    assert shown[0] == shown[1]
    assert (shown[0]["alt"], shown[0]["key"], shown[0]["width"]) == ("a line", "a", "stretch")


def test_other_numbers_or_settings_are_another_chart(shown: list[dict[str, Any]]) -> None:
    other = NUMBERS.assign(y=[3.0, 4.5])
    column = next(c for c in GradientDecaySummary.columns() if c.role == "measure")
    asked = [line(NUMBERS, "blue"), line(other, "blue"), line(NUMBERS, "green")]
    asked += [line(NUMBERS, "blue", column)]
    assert len({chart.key for chart in asked}) == len(asked)
    for chart in asked:
        show(chart, "")
    assert built == ["blue", "blue", "green", "blue"]
    assert line(NUMBERS, "blue", column).key == asked[-1].key


def test_the_browser_gets_what_altair_writes_with_the_numbers_beside(
    shown: list[dict[str, Any]],
) -> None:
    chart = line(NUMBERS, "black")
    show(chart, "")
    spec = shown[0]["spec"]
    (name,) = spec["datasets"]
    assert spec["data"] == {"name": name}
    assert pyarrow.ipc.open_stream(spec["datasets"][name]).read_pandas().equals(NUMBERS)
    whole = to_vega_lite(chart)
    assert (spec["mark"], spec["encoding"]) == (whole["mark"], whole["encoding"])
    (rows,) = whole["datasets"].values()
    assert rows == NUMBERS.to_dict("records")


def test_a_drawing_has_what_the_chart_has_and_changing_it_makes_another(
    shown: list[dict[str, Any]],
) -> None:
    chart = line(NUMBERS, "red")
    assert isinstance(chart, Drawing)
    assert chart.properties(width=7).width == 7
    assert chart.width is altair.Undefined
