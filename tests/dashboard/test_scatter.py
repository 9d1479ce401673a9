"""One result against another: what has no logarithm stands apart, and nothing is left out."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import pandas
import pytest

from core.experiments.memory_span import MEMORY_SPAN
from dashboard.charts import export, scatter, theme
from dashboard.charts.lines import for_print
from dashboard.charts.scatter import extended_log_axis
from tests.dashboard.conftest import unchecked

SUMMARY = {column.name: column for column in MEMORY_SPAN.summary.columns()}

HALF_LIFE, SPAN = SUMMARY["half_life_end"], SUMMARY["span"]

STYLES = theme.styles({"RNN": "rnn", "LSTM": "lstm", "bi-LSTM": "bi-lstm"})


def mark(label: str, x: float, y: float, **others: Any) -> dict[str, Any]:
    """Each with an interval of a tenth."""
    before = others.get("before", math.nan)
    return {
        "label": label,
        "at_least": False,
        **{f"{name}{end}": value * by for name, value in (("x", x), ("before", before), ("y", y))
           for end, by in (("", 1.0), ("_low", 0.9), ("_high", 1.1))},
        **others,
    }  # fmt: skip


def drawn(*marks: dict[str, Any], **options: Any) -> Any:
    frame = pandas.DataFrame(list(marks)).assign(said="so much")
    return scatter.scatter(frame, HALF_LIFE, SPAN, STYLES, {"said": "Span"}, **options)


def layers(chart: Any, kind: str) -> list[dict[str, Any]]:
    specification = unchecked(chart)
    return [
        {**layer, "rows": specification["datasets"][layer["data"]["name"]]}
        for layer in specification["layer"]
        if layer["mark"]["type"] == kind
    ]


def points(chart: Any) -> dict[str, dict[str, Any]]:
    """The large marks, by label."""
    large = layers(chart, "point")[-1]
    assert large["mark"]["size"] == scatter.LARGE
    return {row["label"]: row for row in large["rows"]}


def breaks(chart: Any) -> list[dict[str, Any]]:
    """Lines across the figure, where a scale ends."""
    return [layer for layer in layers(chart, "rule") if "color" not in layer["encoding"]]


def test_values_stand_at_their_logarithms() -> None:
    found = points(drawn(mark("RNN", 2.0, 10.0), mark("LSTM", 20.0, 100.0)))
    assert [(found[name]["x"], found[name]["y"]) for name in ("RNN", "LSTM")] == [
        (pytest.approx(math.log10(2)), pytest.approx(1.0)),
        (pytest.approx(math.log10(20)), pytest.approx(2.0)),
    ]


def test_what_is_infinite_or_zero_stands_apart_beyond_everything_finite() -> None:
    chart = drawn(mark("RNN", 2.0, 0.0), mark("LSTM", math.inf, 100.0), mark("bi-LSTM", 20.0, 9.0))
    found = points(chart)
    assert found["LSTM"]["x"] > math.log10(22)
    assert found["RNN"]["y"] < math.log10(8.1)
    specification = json.dumps(unchecked(chart), ensure_ascii=False)
    assert "'∞'" in specification
    assert "'0'" in specification
    assert not {"NaN", "Infinity", "-Infinity"} & set(specification.split())
    low, high = layers(chart, "point")[-1]["encoding"]["x"]["scale"]["domain"]
    assert low < found["LSTM"]["x"] < high
    assert len(breaks(chart)) == 2  # one of each scale


def test_where_all_is_finite_no_scale_is_broken() -> None:
    chart = drawn(mark("RNN", 2.0, 10.0))
    assert not breaks(chart)


def test_the_interval_of_a_finite_value_may_be_infinite() -> None:
    found = points(drawn(mark("RNN", 2.0, 10.0, x_high=math.inf)))
    assert found["RNN"]["x_high"] > found["RNN"]["x"]
    assert math.isfinite(found["RNN"]["x_high"])


def test_a_line_leads_from_before_and_what_was_not_before_has_none() -> None:
    chart = drawn(mark("RNN", 2.0, 10.0, before=1.0), mark("LSTM", 20.0, 100.0))
    (way,) = (layer for layer in layers(chart, "rule") if "strokeDash" in layer["encoding"])
    assert [(row["label"], row["before"]) for row in way["rows"]] == [("RNN", 0.0)]
    small = layers(chart, "point")[0]
    assert [row["label"] for row in small["rows"]] == ["RNN"]


def test_equal_spans_are_beside_each_other_and_nearer_than_the_next() -> None:
    chart = drawn(mark("RNN", 2.0, 10.0), mark("LSTM", 3.0, 10.0), mark("bi-LSTM", 3.0, 20.0))
    found = points(chart)
    rnn, lstm = found["RNN"]["y"], found["LSTM"]["y"]
    assert rnn < 1.0 < lstm
    assert lstm - rnn < (math.log10(20) - 1.0) / 2


def test_what_may_be_larger_is_a_triangle() -> None:
    chart = drawn(mark("RNN", 2.0, 10.0), mark("LSTM", 20.0, 100.0, at_least=True))
    shape = layers(chart, "point")[-1]["encoding"]["shape"]
    assert dict(zip(shape["scale"]["domain"], shape["scale"]["range"], strict=True)) == {
        False: "circle",
        True: "triangle-up",
    }
    assert {name: row["at_least"] for name, row in points(chart).items()} == {
        "RNN": False,
        "LSTM": True,
    }


def test_names_of_neighbours_do_not_overlap() -> None:
    chart = drawn(mark("LSTM", 3.0, 10.0), mark("bi-LSTM", 3.2, 10.0), mark("RNN", 30.0, 10.0))
    names = {row["label"]: row for row in layers(chart, "text")[-1]["rows"]}
    low, high = layers(chart, "text")[-1]["encoding"]["y"]["scale"]["domain"]
    pixel = (high - low) / scatter.HEIGHT
    assert abs(names["LSTM"]["y"] - names["bi-LSTM"]["y"]) > 14 * pixel


def test_the_diagonal_is_where_both_are_equal_and_only_where_both_are_to_scale() -> None:
    chart = drawn(mark("RNN", 2.0, 10.0), mark("LSTM", 50.0, 4.0), diagonal="equal")
    (line,) = layers(chart, "line")
    assert all(row["x"] == row["y"] for row in line["rows"])
    assert not layers(drawn(mark("RNN", 2.0, 1000.0), diagonal="equal"), "line")


def test_an_axis_of_one_value_has_room_and_one_of_none_is_there() -> None:
    column = dataclasses.replace(SPAN)
    for values in ([20.0], [0.0], [math.inf], [math.nan]):
        low, high = extended_log_axis(column, [pandas.Series(values)]).ends
        assert math.isfinite(high - low)
        assert high > low


def test_a_scatter_is_a_file() -> None:
    chart = for_print(drawn(mark("RNN", 2.0, 0.0, before=1.0), mark("LSTM", math.inf, 50.0)))
    content = export.render(chart.to_dict(), "svg").read().decode()
    assert "LSTM" in content
    assert "∞" in content
