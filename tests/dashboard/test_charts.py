"""Every figure is valid, honest about zeros, and readable in both themes by everybody."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas
import pytest

import dashboard
from core.experiment import Column, Row
from core.experiments import all_experiments
from core.experiments.memory_span import MEMORY_SPAN
from core.experiments.parameter_count import PARAMETER_COUNT
from core.experiments.throughput import THROUGHPUT
from core.explorer.exploration import NormRow
from core.models.architecture import variant_title
from core.models.registry import cell_kinds, usual_variants, variants
from core.stats.estimates import AtLeast, Estimate
from dashboard.charts import curves, dots, export, frame, heatmap, lines, scales, theme, verdicts
from dashboard.charts.dots import dot_chart
from dashboard.charts.lines import line_chart
from dashboard.charts.theme import (
    BASELINE_STYLES,
    CELL_COLOURS,
    NEUTRAL,
    OTHER_CELLS,
    OTHER_COLOUR,
    PART_COLOURS,
    styles,
)
from tests.dashboard.conftest import unchecked

CURVES = [
    (row, measure)
    for experiment in all_experiments()
    for row in experiment.rows
    if any(column.curve for column in row.columns())
    for measure in row.columns()
    if measure.role == "measure" and not measure.estimate
]

STYLES = theme.styles({variant_title(variant): variant for variant in usual_variants()})


SOME_CURVES = list({(row.table, m.unit): (row, m) for row, m in CURVES}.values())
"""One of each table and unit; all of them are slow."""


def bands(x: str, points: int = 20) -> pandas.DataFrame:
    lines = [
        {"label": label, x: at, "value": -0.1 * at, "low": -0.2 * at, "high": 0.0, "n": 8}
        for label in STYLES
        for at in range(points)
    ]
    return pandas.DataFrame(lines)


def curve_of(row: type[Row]) -> Column:
    return next(column for column in row.columns() if column.curve)


def column(row: type[Row], name: str) -> Column:
    return next(c for c in row.columns() if c.name == name)


def layers(chart: Any) -> Iterator[dict[str, Any]]:
    specification = chart.to_dict()
    for layer in specification["layer"]:
        data = layer.get("data", specification.get("data", {}))
        yield {**layer, "rows": specification["datasets"].get(data.get("name"), [])}


@pytest.mark.parametrize(
    ("row", "measure"), SOME_CURVES, ids=lambda v: getattr(v, "name", "") or v.table
)
def test_every_curve_has_titles_from_the_declaration(row: type[Row], measure: Column) -> None:
    x = curve_of(row)
    chart = lines.line_chart(bands(x.name), x, measure, STYLES)
    specification = json.dumps(unchecked(chart), ensure_ascii=False)
    assert scales.heading(measure) in specification
    assert scales.heading(x) in specification
    assert not {"NaN", "Infinity", "-Infinity"} & set(specification.split())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("row", "measure"), CURVES, ids=lambda v: getattr(v, "name", "") or v.table
)
def test_every_curve_is_a_valid_chart(row: type[Row], measure: Column) -> None:
    x = curve_of(row)
    assert lines.line_chart(bands(x.name), x, measure, STYLES).to_dict()


@pytest.mark.parametrize("sizes", [False, True])
@pytest.mark.parametrize("logarithm", [False, True])
def test_curves_and_dots_on_every_scale_are_valid_charts(logarithm: bool, sizes: bool) -> None:
    row, measure = next(pair for pair in CURVES if scales.is_logarithm(pair[1]) is logarithm)
    x = curve_of(row)
    made = bands(x.name).query(f"{x.name} > 0")
    assert lines.line_chart(made, x, measure, STYLES, sizes=sizes, whiskers=sizes).to_dict()
    assert dot_chart(made[made[x.name] == 1], measure, STYLES, curves.SEEDS).to_dict()


ROW, MEASURE = CURVES[0]

X = curve_of(ROW)


def test_exact_zeros_are_marked_and_never_drawn_as_a_logarithm() -> None:
    zeros = pandas.DataFrame({"label": ["RNN", "RNN"], X.name: [20, 21], "share": [0.5, 1.0]})
    chart = lines.line_chart(bands(X.name), X, MEASURE, STYLES, zeros=zeros)
    strip = next(layer for layer in layers(chart) if layer["mark"]["type"] == "tick")
    assert [(r[X.name], r["percent"]) for r in strip["rows"]] == [(20, 50.0), (21, 100.0)]
    lowest = bands(X.name)["value"].min()
    assert all(math.isfinite(r["value"]) and r["value"] < lowest for r in strip["rows"])
    assert "exactly zero" in json.dumps(chart.to_dict())


def test_names_beside_the_curves_do_not_overlap() -> None:
    chart = lines.line_chart(bands(X.name), X, MEASURE, STYLES)
    names = next(layer for layer in layers(chart) if layer["mark"]["type"] == "text")
    heights = sorted(row["value"] for row in names["rows"])
    low, high = names["encoding"]["y"]["scale"]["domain"]
    gap = 15 * (high - low) / lines.HEIGHT
    assert len(heights) == len(STYLES)
    assert all(b - a > 0.95 * gap for a, b in itertools.pairwise(heights))
    # The pointer finds a curve at its name too, not the one that ends nearest to it.
    hover = next(layer for layer in layers(chart) if "tooltip" in layer["encoding"])
    found = {row["label"]: row["height"] for row in hover["rows"] if row["area"] == 0}
    assert found == {row["label"]: row["value"] for row in names["rows"]}


def test_a_pointer_finds_numbers_and_not_their_logarithms() -> None:
    chart = lines.line_chart(bands(X.name), X, MEASURE, STYLES)
    hover = next(layer for layer in layers(chart) if "tooltip" in layer["encoding"])
    row = next(r for r in hover["rows"] if r[X.name] == 10)
    assert (row["value_text"], row["interval_text"]) == ("0.1", "0.01 to 1")
    titles = [line["title"] for line in hover["encoding"]["tooltip"]]
    assert titles[-2:] == ["95% interval", "Seeds"]
    filters = [{"filter": {"param": "hovered", "empty": False}}]
    shown = [layer["mark"]["type"] for layer in layers(chart) if layer.get("transform") == filters]
    assert shown == ["rule", "circle"]  # one of each is drawn, at the pointer


def test_a_pointer_finds_nothing_on_uncertainty_where_a_number_is_exact() -> None:
    exact = bands(X.name).assign(low=math.nan, high=math.nan, n=1)
    chart = lines.line_chart(exact, X, MEASURE, STYLES, repeats=curves.Repeats())
    hover = next(layer for layer in layers(chart) if "tooltip" in layer["encoding"])
    titles = [line["title"] for line in hover["encoding"]["tooltip"]]
    assert not {"95% interval", "Seeds"} & set(titles)


def test_sizes_lie_on_a_logarithmic_axis_that_names_what_was_measured() -> None:
    sizes = (16, 64, 100, 1024)
    rows = [
        {"label": label, X.name: size, "value": math.log10(13_107_200), "low": None, "high": None}
        for label in STYLES
        for size in sizes
    ]
    made = pandas.DataFrame(rows).assign(n=1).astype({"low": float, "high": float})
    counts = column(PARAMETER_COUNT.row("widths"), "parameters")
    chart = lines.line_chart(
        made,
        X,
        scales.logarithm_of(counts),
        STYLES,
        repeats=curves.Repeats(whole=True),
        sizes=True,
    )
    across = chart.to_dict()["layer"][0]["encoding"]["x"]
    assert across["scale"]["type"] == "log"
    assert across["axis"]["values"] == list(sizes)
    hover = next(layer for layer in layers(chart) if "tooltip" in layer["encoding"])
    assert {row["value_text"] for row in hover["rows"]} == {"13,107,200"}
    said = lines.description("How many?", made, X, scales.logarithm_of(counts))
    assert "RNN: 13,107,200 at 16, 13,107,200 at 1,024" in said


def test_a_single_size_has_room_on_both_sides() -> None:
    chart = lines.line_chart(
        bands(X.name)[lambda b: b[X.name] == 4], X, MEASURE, STYLES, sizes=True
    )
    low, high = chart.to_dict()["layer"][0]["encoding"]["x"]["scale"]["domain"]
    assert low < 4 < high


def test_zero_has_a_place_on_an_axis_that_begins_at_it() -> None:
    across = [
        lines.line_chart(bands(X.name), X, MEASURE, STYLES, sizes=True, from_zero=begins).to_dict()[
            "layer"
        ][0]["encoding"]["x"]
        for begins in (True, False)
    ]
    assert [one["scale"]["type"] for one in across] == ["symlog", "linear"]
    low, high = across[0]["scale"]["domain"]
    assert low < 0 < bands(X.name)[X.name].max() < high
    none = pandas.DataFrame(columns=["label", X.name])
    made = frame.chart_frame(
        X, MEASURE, STYLES, [bands(X.name)], none, height=400, sizes=True, from_zero=True
    )
    assert made.unscaled(made.scaled(3.0)) == pytest.approx(3.0)
    assert made.pixels([made.beyond(1.0, 50.0)])[0] - made.pixels([1.0])[0] == pytest.approx(50)


def test_a_reference_that_ends_early_is_named_at_its_end() -> None:
    ends = max(bands(X.name)[X.name])
    curves_to_compare = pandas.DataFrame(
        [("0", x, 1.0, "short") for x in (0, 1, 2)] + [("1", x, 2.0, "long") for x in (0, 1, ends)],
        columns=["series", X.name, "value", "text"],
    )
    chart = lines.line_chart(bands(X.name), X, MEASURE, STYLES, baselines=curves_to_compare)
    texts = [
        row
        for layer in layers(chart)
        for row in layer["rows"]
        if "text" in row and layer["mark"]["type"] == "text"
    ]
    assert {row["text"]: row[X.name] for row in texts} == {"short": 2, "long": 1}


def test_a_figure_says_at_what_it_was_measured() -> None:
    chart = lines.line_chart(bands(X.name), X, MEASURE, STYLES, where="Pass: training")
    assert chart.to_dict()["title"]["subtitle"] == "Pass: training"


def test_single_seeds_a_level_and_straight_lines_can_be_added() -> None:
    seeds = pandas.DataFrame({"label": "RNN", "seed": [0, 0], X.name: [0, 1], "value": [0.0, -3.0]})
    fits = pandas.DataFrame({"label": "RNN", X.name: [0, 9], "value": [0.0, -2.0]})
    chart = line_chart(bands(X.name), X, MEASURE, STYLES, seeds=seeds, fits=fits, reference=1.0)
    marks = [layer["mark"]["type"] for layer in layers(chart) if layer["rows"]]
    assert marks == ["rule", "line", "line", "line", "rule", "circle", "circle", "text"]


def test_a_heatmap_has_no_more_tiles_than_a_screen_shows() -> None:
    rows = pandas.DataFrame(
        [{"k": k, "layer": layer, "y": -float(k)} for k in range(1000) for layer in (1, 2)]
    )
    x = column(ROW, X.name)
    chart = heatmap.heatmap(
        rows.rename(columns={"k": X.name, "y": MEASURE.name}),
        x,
        column(ROW, "layer"),
        MEASURE,
        (-9, 0),
    )
    (drawn,) = chart.to_dict()["datasets"].values()
    assert len(drawn) == 2 * heatmap.MAX_TILES
    assert drawn[0]["value"] == pytest.approx(-4.5)


@pytest.mark.parametrize("experiment", all_experiments(), ids=lambda e: e.name)
def test_estimates_are_dots_with_intervals(experiment: Any) -> None:
    made = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 8}
    dots = pandas.DataFrame([{"label": label, **made} for label in STYLES])
    first, *_ = experiment.summary.columns()
    for drawn in (*experiment.summary.columns(), scales.logarithm_of(first)):
        chart = unchecked(dot_chart(dots, drawn, STYLES, curves.SEEDS))
        assert [layer["mark"]["type"] for layer in chart["layer"]] == ["rule", "circle"]


def test_dots_keep_the_order_they_are_given() -> None:
    made = {"value": 0.0, "low": None, "high": None, "n": 1}
    dots = pandas.DataFrame([{"label": label, **made} for label in reversed(STYLES)])
    chart = dot_chart(dots.astype({"low": float, "high": float}), MEASURE, STYLES, curves.SEEDS)
    assert chart.to_dict()["layer"][0]["encoding"]["y"]["sort"] == list(reversed(STYLES))


def test_stacks_say_their_parts_and_totals_exactly() -> None:
    lines = [("LSTM", "input", 65_536), ("LSTM", "recurrent", 13_041_664), ("LSTM", "output", 0)]
    parts = pandas.DataFrame(lines, columns=["label", "part", "value"])
    measure = column(PARAMETER_COUNT.row("parts"), "parameters")
    chart = dots.stacked_bars(parts, measure, theme.PART_COLOURS)
    bar, total = layers(chart)
    assert [row["value_text"] for row in bar["rows"]] == ["65,536", "13,041,664"]
    assert bar["encoding"]["color"]["scale"]["domain"] == ["input", "recurrent"]
    assert [row["text"] for row in total["rows"]] == ["13,107,200"]


def test_a_figure_is_described_in_words() -> None:
    said = lines.description("How fast?", bands(X.name), X, MEASURE)
    assert said.startswith(f"How fast? {scales.heading(MEASURE)} against {scales.heading(X)}. ")
    assert "bi-GRU: 1 at 0, 0.013 at 19" in said


CAPTION = lines.Caption("How fast?", ("layers 1", "hidden size 64"), "Unroll, 28 Nov 2026")


def drawn(width: int) -> str:
    """The text of a figure of that width."""
    chart = lines.line_chart(bands(X.name), X, MEASURE, STYLES, where="Pass: training")
    found = export.render(lines.for_print(chart, CAPTION, width).to_dict(), "svg").read().decode()
    assert found.startswith("<svg")
    return found


def test_a_figure_is_a_file_that_says_what_it_is_of_and_names_each_curve_once() -> None:
    wide, narrow = drawn(900), drawn(120)
    for found in (wide, narrow):  # beside the curves, and in the legend where there is no room
        assert found.count(">bi-LSTM</text>") == 1
    for text in ("How fast?", "layers 1, hidden size 64", "Unroll, 28 Nov 2026", "Pass: training"):
        assert f">{text}</" in wide
    assert ">10⁰</text>" in wide
    assert scales.heading(MEASURE) in wide


@pytest.mark.slow
def test_a_figure_is_a_picture() -> None:
    chart = lines.for_print(lines.line_chart(bands(X.name), X, MEASURE, STYLES))
    assert export.render(chart.to_dict(), "png").read().startswith(b"\x89PNG")


# --- colours -----------------------------------------------------------------------------------

BACKGROUNDS = {"light": "#fcfcfa", "dark": "#12171d"}

SIMULATIONS = {
    "protanopia": ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052)),
    "deuteranopia": ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969)),
    "tritanopia": ((1.256, -0.077, -0.179), (-0.078, 0.931, 0.148), (0.005, 0.691, 0.304)),
}
"""How colours look to others (Machado et al. 2009, full severity, linear RGB)."""


def linear(colour: str) -> list[float]:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]


def luminance(colour: str) -> float:
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear(colour), strict=True))


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def lab(rgb: list[float]) -> list[float]:
    """CIE L*a*b* (D65)."""
    matrix = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
    x, y, z = (sum(m * c for m, c in zip(row, rgb, strict=True)) for row in matrix)
    fx, fy, fz = (
        t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x / 0.9505, y, z / 1.089)
    )
    return [116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)]


@pytest.mark.parametrize("theme", BACKGROUNDS)
def test_every_cell_stands_out_from_the_background(theme: str) -> None:
    baselines = (style.colour for style in BASELINE_STYLES.values())
    others = (OTHER_COLOUR, NEUTRAL, *OTHER_CELLS)
    for colour in (*CELL_COLOURS.values(), *baselines, *others):
        assert contrast(colour, BACKGROUNDS[theme]) >= 3.0, colour
    for colour in PART_COLOURS.values():  # areas: they are larger than lines
        assert contrast(colour, BACKGROUNDS[theme]) >= 2.0, colour


TOLD_APART = {
    "cells": list(theme.CELL_COLOURS.values()),
    "cells and baselines": [
        *theme.CELL_COLOURS.values(),
        *(theme.BASELINE_STYLES[name].colour for name in ("linear", "feed-forward", "attention")),
    ],
    "cells and verdicts": [*theme.CELL_COLOURS.values(), theme.BETTER, theme.WORSE],
    "parts": list(theme.PART_COLOURS.values()),
}


def test_no_two_variants_are_drawn_alike() -> None:
    drawn = theme.styles({name: name for name in variants()})
    assert len({(style.colour, style.dash) for style in drawn.values()}) == len(drawn)


@pytest.mark.parametrize("sight", [None, *SIMULATIONS])
def test_all_cells_are_told_apart_as_well_as_eleven_can_be(sight: str | None) -> None:
    seen = seen_as(sight, [*theme.CELL_COLOURS.values(), *theme.OTHER_CELLS])
    least = min(math.dist(one, other) for one, other in itertools.combinations(seen, 2))
    assert least > (13.5 if sight else 29)


@pytest.mark.parametrize("group", TOLD_APART)
@pytest.mark.parametrize("sight", [None, *SIMULATIONS])
def test_colours_are_told_apart_by_everybody(sight: str | None, group: str) -> None:
    seen = seen_as(sight, TOLD_APART[group])
    for one, other in itertools.combinations(seen, 2):
        assert math.dist(one, other) > 20


def seen_as(sight: str | None, colours: list[str]) -> list[list[float]]:
    """How the colours look, in L*a*b*."""
    matrix = SIMULATIONS[sight] if sight else ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    return [
        lab(
            [
                max(0.0, sum(m * c for m, c in zip(row, linear(colour), strict=True)))
                for row in matrix
            ]
        )
        for colour in colours
    ]


@pytest.mark.parametrize("background", BACKGROUNDS.values())
def test_the_sign_of_a_verdict_is_readable_on_its_colour(background: str) -> None:
    for colour in set(verdicts.VERDICT_COLOURS.values()):
        parts = [(int(c[i : i + 2], 16) for i in (1, 3, 5)) for c in (colour, background)]
        tile = "#" + "".join(
            f"{round(on * verdicts.VERDICT_OPACITY + under * (1 - verdicts.VERDICT_OPACITY)):02x}"
            for on, under in zip(*parts, strict=True)
        )
        assert contrast(NEUTRAL, tile) >= 2.8, colour


def test_colours_of_data_are_defined_in_the_theme_alone() -> None:
    data = {*CELL_COLOURS.values(), *PART_COLOURS.values(), OTHER_COLOUR, NEUTRAL}
    data |= {theme.BETTER, theme.WORSE} | {style.colour for style in BASELINE_STYLES.values()}
    folder = Path(dashboard.__file__ or "").parent
    files = [file for kind in ("py", "toml", "css") for file in folder.rglob(f"*.{kind}")]
    repeated = {
        file.name for file in files for colour in data if colour in file.read_text().lower()
    }
    assert repeated == {"theme.py"}


@pytest.mark.parametrize("theme", BACKGROUNDS)
def test_baselines_are_seen_on_both_backgrounds(theme: str) -> None:
    series = {name: name for name in BASELINE_STYLES}
    series |= {"feed-forward as LSTM": "feed-forward", "feed-forward as GRU": "feed-forward"}
    for style in styles(series, dark=theme == "dark").values():
        assert contrast(style.colour, BACKGROUNDS[theme]) >= 2.2


def test_every_baseline_has_a_dash_of_its_own() -> None:
    dashes = [style.dash for style in theme.BASELINE_STYLES.values()]
    assert len({*dashes, theme.SOLID, theme.DASHED}) == len(dashes) + 2


@pytest.mark.parametrize("dark", [False, True])
def test_settings_of_one_variant_are_shades_and_bidirectional_ones_are_dashed(dark: bool) -> None:
    series = {f"LSTM {n}": "lstm" for n in range(4)} | {"bi-LSTM": "bi-lstm", "RNN": "rnn"}
    made = theme.styles(series, dark=dark)
    background = BACKGROUNDS["dark" if dark else "light"]
    shades = [made[f"LSTM {n}"].colour for n in range(4)]
    assert len(set(shades)) == 4
    assert all(contrast(colour, background) >= 2.2 for colour in shades)
    for label, cell, dash in (("bi-LSTM", "lstm", theme.DASHED), ("RNN", "rnn", theme.SOLID)):
        assert (made[label].colour, made[label].dash) == (theme.CELL_COLOURS[cell], dash)


@pytest.mark.parametrize("dark", [False, True])
def test_names_beside_curves_are_read_on_both_backgrounds_in_the_hue_of_their_curve(
    dark: bool,
) -> None:
    cells = {cell: cell for cell in cell_kinds()} | {f"LSTM {n}": "lstm" for n in range(9)}
    for style in theme.styles(cells, dark=dark).values():
        assert contrast(style.ink, BACKGROUNDS["dark" if dark else "light"]) >= 4.5
        mixed = [theme.shade(style.colour, (1 if dark else -1) * step / 20) for step in range(20)]
        assert style.ink in mixed


# --- axes --------------------------------------------------------------------------------------


def test_decades_are_whole_and_few() -> None:
    assert scales.decades(-30.2, 0.5, 8) == [-30, -25, -20, -15, -10, -5, 0]
    assert scales.decades(-2.5, 0.1, 8) == [-2, -1, 0]


def test_a_short_logarithmic_axis_has_plain_numbers() -> None:
    assert scales.plain_ticks(-1.0, 0.0) == pytest.approx([0.1, 0.2, 0.5, 1.0])


def test_measures_that_are_no_logarithms_have_plain_numbers_on_a_logarithmic_axis() -> None:
    time = scales.logarithm_of(column(THROUGHPUT.row("times"), "milliseconds"))
    assert scales.heading(time) == "Time (ms, log scale)"
    axis = scales.value_axis(time, -1.0, 2.0, 440).to_dict()
    assert 10 ** axis["values"][1] == pytest.approx(0.2)
    assert ",.4~r" in axis["labelExpr"]
    decades = scales.value_axis(time, -1.0, 7.0, 440).to_dict()["values"]
    assert decades == [-1, 0, 1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(("last", "ticks"), [(3, 1), (2.5, None)])
def test_a_short_axis_of_whole_steps_has_whole_ticks(last: float, ticks: int | None) -> None:
    x = next(column for column in NormRow.columns() if column.curve)
    y = next(column for column in NormRow.columns() if column.name == "norm")
    bands = pandas.DataFrame({"label": "a", "step": [1, last], "value": [1.0, 2.0], "n": 1})
    bands = bands.assign(low=float("nan"), high=float("nan"))
    chart = lines.line_chart(bands, x, y, theme.styles({"a": "lstm"})).to_dict()
    axes = [layer["encoding"]["x"].get("axis") for layer in chart["layer"] if "encoding" in layer]
    assert {axis.get("tickMinStep") for axis in axes if axis} == {ticks}


@pytest.mark.parametrize(("high", "form"), [(50_000.0, ",~r"), (8e21, ".2~e")])
def test_what_explodes_has_an_axis_that_fits(high: float, form: str) -> None:
    norm = next(column for column in NormRow.columns() if column.name == "norm")
    assert scales.value_axis(norm, 0.0, high, 240).to_dict()["format"] == form


@pytest.mark.parametrize(("low", "high"), [(18.0, 23.0), (1.1, 1.9), (64.0, 66.0), (9.0, 110.0)])
def test_an_axis_has_three_numbers_however_short_it_is(low: float, high: float) -> None:
    time = scales.logarithm_of(column(THROUGHPUT.row("times"), "milliseconds"))
    axis = scales.value_axis(time, math.log10(low), math.log10(high), 440).to_dict()
    inside = [10**tick for tick in axis["values"] if low <= 10**tick * (1 + 1e-9)]
    assert len(inside) >= 3
    assert len({f"{tick:.4g}" for tick in inside}) == len(axis["values"])  # all labels differ
    assert inside[-1] <= high * (1 + 1e-9)


@pytest.mark.parametrize("heights", [[], [0.5], [0.0, 0.0, 0.0], [0.9, 1.0, 0.95, 0.1]])
def test_spreading_keeps_order_and_distance(heights: list[float]) -> None:
    placed = frame.spread(heights, 0.1, 0.0, 1.0)
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    moved = [placed[i] for i in order]
    assert all(b - a > 0.095 for a, b in itertools.pairwise(moved))


def test_a_lower_bound_is_marked_and_has_no_upper_end() -> None:
    """A span that reached the longest lag tried: `≥ 50`, and an arrow beside it."""
    found = curves.of_estimates(
        {"RNN": Estimate(7.0, 5.0, 10.0, 8), "LSTM": Estimate(AtLeast(50), 20.0, AtLeast(50), 8)}
    )
    assert found["at_least"].tolist() == [False, True]
    column = MEMORY_SPAN.summary.columns()[0]
    chart = dots.dot_chart(
        found, column, dict.fromkeys(found["label"], STYLES["LSTM"]), curves.SEEDS
    )
    written = chart.to_dict()
    (data,) = written["datasets"].values()
    assert [line["value_text"] for line in data] == ["7", "≥ 50"]
    arrows = [layer for layer in written["layer"] if layer["mark"].get("text") == "→"]
    assert len(arrows) == 1
