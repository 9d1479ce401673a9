"""The curve that follows a slider: its numbers, and a specification that no slider moves."""

from __future__ import annotations

import altair
import numpy
import pandas
import pytest

from core.experiments.gradient_decay import GradientRow
from dashboard import live_curve
from dashboard.declared import curve_of
from dashboard.palette import styles

NO_ZEROS = pandas.DataFrame(columns=["label", "steps_back", "share"])
BANDS = pandas.DataFrame(
    {
        "label": ["LSTM", "LSTM", "GRU", "GRU"],
        "steps_back": [0, 1, 0, 1],
        "value": [0.0, -1.0, 0.0, -2.0],
        "low": [-0.5, numpy.nan, -0.5, -2.5],
        "high": [0.5, numpy.nan, 0.5, -1.5],
        "n": [3, 1, 3, 3],
    }
)
ORDER = ["GRU", "LSTM"]


def test_norms_are_said_as_numbers_and_drawn_as_logarithms() -> None:
    found = live_curve.numbers(BANDS, NO_ZEROS, "steps_back", ORDER)
    assert list(found["value"]) == list(BANDS["value"])
    assert list(found["said"]) == ["1", "0.1", "1", "0.01"]
    assert found["spread"][1] == "–"
    assert [float(end) for end in found["spread"][3].split(" to ")] == pytest.approx(
        [10**-2.5, 10**-1.5], rel=1e-2
    )


def test_cells_are_told_apart_by_their_place_and_named_once() -> None:
    found = live_curve.numbers(BANDS, NO_ZEROS, "steps_back", ORDER)
    assert list(found["place"]) == ["1", "1", "0", "0"]
    assert found["name"].dropna().tolist() == ["LSTM", "GRU"]


def test_exact_zeros_keep_their_place_though_they_have_no_logarithm() -> None:
    zeros = pandas.DataFrame({"label": ["GRU"], "steps_back": [5], "share": [1.0]})
    found = live_curve.numbers(BANDS, zeros, "steps_back", ORDER)
    (row,) = found[found["steps_back"] == 5].to_dict("records")
    assert (row["share"], row["zero"], row["place"]) == (1.0, "100%", "0")
    assert len(found) == len(BANDS) + 1
    assert set(found["zero"]) == {"0%", "100%"}


@pytest.mark.parametrize("variants", [{"a": "lstm"}, {"a": "lstm", "b": "gru"}])
def test_the_figure_is_vega_lite_in_the_colours_of_every_other(variants: dict[str, str]) -> None:
    x = curve_of(GradientRow)
    y = next(c for c in GradientRow.columns() if c.name == "log10_input_gradient")
    drawn = styles(variants, dark=False)
    specification = live_curve.specification(x, y, drawn, 330)
    assert altair.Chart.from_dict({**specification, "data": {"values": []}}).to_dict()
    scale = specification["layer"][1]["encoding"]["color"]["scale"]
    assert scale["range"] == [style.colour for style in drawn.values()]
    alone = [
        layer for layer in specification["layer"] if layer["mark"]["type"] in ("rule", "circle")
    ]
    assert [layer["mark"]["type"] for layer in alone[:2]] == ["rule", "circle"]
    for layer in alone[:2]:
        assert layer["transform"][-1] == {"filter": "datum.steps == 1"}  # a line needs two
    renamed = styles({f"{name} · gain 2": v for name, v in variants.items()}, dark=False)
    assert live_curve.specification(x, y, renamed, 330) == specification
