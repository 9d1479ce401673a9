"""Charts that follow a slider: a curve that no slider redraws, and maps of gates and states."""

from __future__ import annotations

import base64
import io
from typing import Any

import altair
import numpy
import pandas
import pytest
from PIL import Image

from core.experiments.gradient_decay.declaration import GradientRow
from dashboard.charts import live
from dashboard.charts.live import (
    GATE_DARK,
    GATE_LIGHT,
    HEIGHT,
    MAX_LABELS,
    PIXELS,
    SIGNED_DARK,
    SIGNED_LIGHT,
    cell_map,
    colour_limits,
    in_words,
)
from dashboard.charts.scales import curve_of
from dashboard.charts.theme import styles

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
    found = live.numbers(BANDS, NO_ZEROS, "steps_back", ORDER)
    assert list(found["value"]) == list(BANDS["value"])
    assert list(found["value_text"]) == ["1", "0.1", "1", "0.01"]
    assert found["interval_text"][1] == "–"
    assert [float(end) for end in found["interval_text"][3].split(" to ")] == pytest.approx(
        [10**-2.5, 10**-1.5], rel=1e-2
    )


def test_cells_are_told_apart_by_their_place_and_named_once() -> None:
    found = live.numbers(BANDS, NO_ZEROS, "steps_back", ORDER)
    assert list(found["place"]) == ["1", "1", "0", "0"]
    assert found["name"].dropna().tolist() == ["LSTM", "GRU"]


def test_exact_zeros_keep_their_place_though_they_have_no_logarithm() -> None:
    zeros = pandas.DataFrame({"label": ["GRU"], "steps_back": [5], "share": [1.0]})
    found = live.numbers(BANDS, zeros, "steps_back", ORDER)
    (row,) = found[found["steps_back"] == 5].to_dict("records")
    assert (row["share"], row["zero"], row["place"]) == (1.0, "100%", "0")
    assert len(found) == len(BANDS) + 1
    assert set(found["zero"]) == {"0%", "100%"}


@pytest.mark.parametrize("variants", [{"a": "lstm"}, {"a": "lstm", "b": "gru"}])
def test_the_figure_is_vega_lite_in_the_colours_of_every_other(variants: dict[str, str]) -> None:
    x = curve_of(GradientRow)
    y = next(c for c in GradientRow.columns() if c.name == "log10_input_gradient")
    drawn = styles(variants, dark=False)
    specification = live.specification(x, y, drawn, 330)
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
    assert live.specification(x, y, renamed, 330) == specification


GATES_TH = numpy.array([[0.0, 0.5, 1.0], [0.25, 1.0, 0.0]])

SIGNED_TH = numpy.array([[0.0, -2.0, 1.0], [0.5, -1.0, 0.0]])

RANDOM = ("", "")


def pixels(specification: dict[str, Any]) -> numpy.ndarray[Any, Any]:
    """Rows of units, columns of steps, RGB; every value is a square of one colour."""
    (values,) = specification["layer"][0]["data"]["values"]
    kind, content = values["url"].split(",")
    assert kind == "data:image/png;base64"
    large = numpy.asarray(Image.open(io.BytesIO(base64.b64decode(content))))
    small = large[::PIXELS, ::PIXELS]
    assert (large == small.repeat(PIXELS, 0).repeat(PIXELS, 1)).all()
    return small


def rgb(colour: str) -> list[int]:
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


def between(first: str, second: str) -> list[float]:
    return [(a + b) / 2 for a, b in zip(rgb(first), rgb(second), strict=True)]


@pytest.mark.parametrize(("dark", "colours"), [(False, GATE_LIGHT), (True, GATE_DARK)])
def test_a_gate_is_drawn_from_0_to_1(*, dark: bool, colours: tuple[str, str, str]) -> None:
    specification, _ = cell_map(GATES_TH, RANDOM, 1, gate=True, dark=dark)
    low, middle, high = colours
    found = pixels(specification)
    assert found.shape == (3, 2, 3)  # units down, steps across
    assert found[:, 0].tolist() == [rgb(low), rgb(middle), rgb(high)]
    assert found[1:, 1].tolist() == [rgb(high), rgb(low)]
    assert found[0, 1].tolist() == pytest.approx(between(low, middle), abs=0.5)


@pytest.mark.parametrize(("dark", "colours"), [(False, SIGNED_LIGHT), (True, SIGNED_DARK)])
def test_zero_has_the_middle_colour_of_what_has_a_sign(
    *, dark: bool, colours: tuple[str, str, str]
) -> None:
    specification, _ = cell_map(SIGNED_TH, RANDOM, 1, gate=False, dark=dark)
    low, middle, high = colours
    found = pixels(specification)
    assert found[0, 0].tolist() == found[2, 1].tolist() == rgb(middle)
    assert found[1, 0].tolist() == rgb(low)
    assert found[2, 0].tolist() == pytest.approx(between(middle, high), abs=0.5)
    assert found[1, 1].tolist() == pytest.approx(between(low, middle), abs=0.5)


def test_limits_do_not_depend_on_a_gates_values_and_are_symmetric_otherwise() -> None:
    assert colour_limits(numpy.array([0.4, 0.5]), gate=True) == (0.0, 1.0)
    assert colour_limits(SIGNED_TH, gate=False) == (-2.0, 2.0)
    assert colour_limits(numpy.zeros(3), gate=False) == (-1.0, 1.0)


def test_the_legend_has_the_limits_and_colours_of_the_image() -> None:
    specification, _ = cell_map(SIGNED_TH, RANDOM, 1, gate=False, dark=False)
    scale = specification["layer"][1]["encoding"]["color"]["scale"]
    assert scale == {"domain": [-2.0, 0.0, 2.0], "range": list(SIGNED_LIGHT)}


def test_the_step_is_marked() -> None:
    specification, _ = cell_map(GATES_TH, RANDOM, 2, gate=True, dark=False)
    rule = specification["layer"][2]
    assert (rule["mark"]["type"], rule["data"]) == ("rule", {"values": [{"step": 2}]})
    assert rule["encoding"]["x"]["scale"]["domain"] == [0.5, 2.5]


def test_the_pointer_finds_what_the_units_of_a_step_come_to() -> None:
    _, found = cell_map(SIGNED_TH, ("a", "b"), 1, gate=False, dark=False)
    assert found[["step", "from", "to", "token"]].to_numpy().tolist() == [
        [1, 0.5, 1.5, "a"],
        [2, 1.5, 2.5, "b"],
    ]
    assert [float(v.replace("−", "-")) for v in found["mean"]] == pytest.approx(
        SIGNED_TH.mean(1).tolist(), abs=1e-3
    )
    assert [v.replace("−", "-") for v in found["least"]] == ["-2", "-1"]
    assert list(found["most"]) == ["1", "0.5"]
    _, drawn = cell_map(SIGNED_TH, RANDOM, 1, gate=False, dark=False)
    assert set(drawn["token"]) == {"random"}


@pytest.mark.parametrize("tokens", [RANDOM, ("a", '"</script>'), ("begin", "Hund")])
def test_a_map_is_vega_lite(tokens: tuple[str, str]) -> None:
    specification, found = cell_map(GATES_TH, tokens, 1, gate=True, dark=False)
    chart = altair.Chart.from_dict({**specification, "data": {"values": found.to_dict("records")}})
    assert chart.to_dict()
    assert specification["height"] == HEIGHT


def test_letters_stand_under_the_map_of_a_text_all_of_them_where_there_is_room() -> None:
    def axis(tokens: tuple[str, ...]) -> dict[str, Any]:
        values_TH = numpy.zeros((len(tokens), 2))
        specification, _ = cell_map(values_TH, tokens, 1, gate=True, dark=False)
        found: dict[str, Any] = specification["layer"][1]["encoding"]["x"]["axis"]
        return found

    assert axis(("a", "b"))["labelExpr"] == '["a", "b"][datum.value - 1]'
    assert (axis(("a", "b"))["labelAngle"], axis(("the", "b"))["labelAngle"]) == (0, -45)
    assert axis(("a",) * MAX_LABELS)["labelOverlap"] is False
    assert axis(("a",) * (MAX_LABELS + 1))["labelOverlap"] == "greedy"
    assert axis(("", ""))["title"] == "Step"


def test_its_words_say_what_it_is_and_what_happens_at_the_step() -> None:
    assert in_words("Forget gate", GATES_TH, 1) == (
        "Forget gate of 3 units over 2 steps. At step 1: mean 0.5, from 0 to 1."
    )
