"""Costs against a size: series of one run and of all, pooled exactly; where there is no value."""

from __future__ import annotations

import math
from typing import Any

import pandas
import pytest

from core.experiments.parameter_count import PARAMETER_COUNT
from core.experiments.parameter_count.declaration import WidthRow
from core.experiments.throughput import THROUGHPUT
from core.experiments.throughput.declaration import LatencyRow, TimeRow
from core.store.tracking import Store
from dashboard.charts import curves, scales
from dashboard.charts.theme import BASELINE_STYLES, CELL_COLOURS
from dashboard.figures import base, subjects
from dashboard.figures.base import Measure, Shown, read
from dashboard.figures.leading import QUARTILES
from dashboard.figures.lines import Scaling
from tests.dashboard.conftest import Show, texts
from tests.dashboard.scenes import PROBLEM, SIZES, record

PAGE = "views/results/throughput.py"

TIME = Measure("milliseconds", quartiles=QUARTILES, count="repetitions")

EVERY = subjects.Selection(subjects.IMPLEMENTATIONS, tuple(subjects.BASELINES))


@pytest.fixture
def shown(store: Store, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs of these variants and settings, read."""
    monkeypatch.setattr("dashboard.store.cache.dark", lambda: False)

    def measured(variants: list[str], **settings: list[Any]) -> Shown:
        for config in THROUGHPUT.configs(variants, {"launches": [1], **settings}):
            record(store, THROUGHPUT, config, "one")
        return read(THROUGHPUT, store.runs())

    return measured


def forward(shown: Shown) -> pandas.DataFrame:
    rows = shown.rows("times")
    return rows[rows["mode"] == "forward"]


def series(shown: Shown, asked: subjects.Selection, **options: Any) -> list[str]:
    rows, styles = subjects.series(shown, forward(shown), asked, **options)
    assert set(rows["label"]) == set(styles)
    return list(styles)


def test_what_is_the_same_net_in_every_run_is_one_series(shown: Any) -> None:
    assert series(shown(["lstm", "bi-gru"]), EVERY) == [
        "LSTM",
        "LSTM · equations",
        "bi-GRU",
        "bi-GRU · equations",
        "plain RNN",
        "linear",
        "feed-forward as LSTM",
        "feed-forward as bi-GRU",
        "attention",
    ]


def test_a_baseline_of_another_size_is_another_series(shown: Any) -> None:
    runs = shown(["lstm"], hidden_size=[32, 64], layers=[1, 2], forget_bias=[0.0, 1.0])
    rows, _ = subjects.series(runs, forward(runs), subjects.Selection((), ("linear", "rnn")))
    assert sorted(set(rows["label"])) == [
        "linear · hidden size 32",
        "linear · hidden size 64",
        "plain RNN · hidden size 32 · layers 1",
        "plain RNN · hidden size 32 · layers 2",
        "plain RNN · hidden size 64 · layers 1",
        "plain RNN · hidden size 64 · layers 2",
    ]


def test_the_size_along_the_axis_is_left_out_of_the_names(shown: Any) -> None:
    runs = shown(["lstm"], batch_size=[8, 16])
    asked = subjects.Selection(("fused",), ("linear",))
    assert series(runs, asked) == [
        "LSTM · batch size 8",
        "LSTM · batch size 16",
        "linear · batch size 8",
        "linear · batch size 16",
    ]
    assert series(runs, asked, without=("batch_size",)) == ["LSTM", "linear"]


def test_shades_follow_the_number_and_not_the_order_of_the_runs(shown: Any) -> None:
    runs = shown(["lstm"], hidden_size=[64, 16, 32])
    assert list(runs.styles) == [f"LSTM · hidden size {size}" for size in (16, 32, 64)]
    reds = [int(style.colour[1:3], 16) for style in runs.styles.values()]
    assert reds == sorted(set(reds))


def test_one_length_is_drawn_as_dots(shown: Any) -> None:
    runs = shown(["rnn", "lstm"])
    rows = forward(runs)
    rows = rows[(rows["subject"] == "fused") & (rows["sequence_length"] == SIZES[0])]
    figure = Scaling("Time", "times", (TIME,))
    bands = figure._bands(runs, TIME, rows)
    chart = figure._chart(runs, TIME, rows, bands, dict(runs.styles), 300).to_dict()
    assert [layer["mark"]["type"] for layer in chart["layer"]] == ["rule", "circle"]
    assert chart["title"]["text"].startswith(f"Sequence length: {SIZES[0]}")


def test_baselines_are_drawn_by_themselves_only_where_they_are_few(shown: Any) -> None:
    few = shown(["lstm", "gru"])
    assert subjects.default(few, forward(few)).baselines == subjects.DEFAULT_BASELINES
    many = shown(["lstm"], hidden_size=[8, 16, 32])
    assert subjects.default(many, forward(many)).baselines == ()


def test_baselines_have_a_look_of_their_own(shown: Any) -> None:
    runs = shown(["rnn"])
    _, styles = subjects.series(runs, forward(runs), EVERY)
    drawn, declared = styles["linear"], BASELINE_STYLES["linear"]
    assert (drawn.colour, drawn.dash) == (declared.colour, declared.dash)
    assert styles["plain RNN"].colour == CELL_COLOURS["rnn"]
    assert styles["plain RNN"].dash != styles["RNN"].dash


def test_pooled_is_the_median_of_medians_from_the_lowest_to_the_highest_quartile() -> None:
    rows = pandas.DataFrame(
        {
            "label": ["linear"] * 4 + ["LSTM"],
            "T": [128] * 5,
            "ms": [4.0, 1.0, math.nan, 3.0, 7.0],
            "q1": [3.5, 0.5, math.nan, 2.0, 6.0],
            "q3": [9.0, 2.0, math.nan, 4.0, 8.0],
            "n": [10, 10, 0, 5, 10],
        }
    )
    pooled = curves.median_bands(rows, ["label", "T"], "ms", ("q1", "q3"), "n").to_dict("records")
    assert pooled == [
        {"label": "LSTM", "T": 128, "value": 7.0, "low": 6.0, "high": 8.0, "n": 10},
        {"label": "linear", "T": 128, "value": 3.0, "low": 0.5, "high": 9.0, "n": 25},
    ]


def test_what_is_exact_has_no_interval() -> None:
    rows = pandas.DataFrame({"label": ["LSTM"], "H": [64], "parameters": [13_107_200]})
    (band,) = curves.median_bands(rows, ["label", "H"], "parameters", (), "").to_dict("records")
    assert band["value"] == 13_107_200
    assert math.isnan(band["low"])
    (drawn,) = curves.logarithms(pandas.DataFrame([band, {**band, "value": 0}])).to_dict("records")
    assert 10 ** drawn["value"] == pytest.approx(13_107_200)


def test_the_pooled_baseline_is_that_of_all_runs(shown: Any) -> None:
    runs = shown(["rnn", "lstm", "gru"])
    rows, _ = subjects.series(runs, forward(runs), EVERY)
    bands = TIME.bands(runs, "times", rows, ["label", "sequence_length"])
    place = bands[(bands["label"] == "linear") & (bands["sequence_length"] == 16)]
    (linear,) = place[["value", "low", "high"]].to_dict("records")
    own = rows[(rows["subject"] == "linear") & (rows["sequence_length"] == 16)]
    assert len(own) == 3
    assert linear["value"] == pytest.approx(own["milliseconds"].median())
    assert linear["low"] == pytest.approx(own["milliseconds_q1"].min())
    assert linear["high"] == pytest.approx(own["milliseconds_q3"].max())
    assert list(place["n"]) == [own["repetitions"].sum()]


def test_the_quartiles_of_a_speed_are_those_of_the_time_turned_round(shown: Any) -> None:
    rows = pandas.DataFrame(
        {
            "label": ["LSTM"],
            "sequence_length": [100],
            "milliseconds": [10.0],
            "milliseconds_q1": [8.0],
            "milliseconds_q3": [20.0],
            "tokens_per_second": [10_000.0],
            "repetitions": [7],
        }
    )
    speed = Measure(
        "tokens_per_second", quartiles=QUARTILES, count="repetitions", inverse_of="milliseconds"
    )
    (band,) = speed.bands(shown(["lstm"]), "times", rows, ["label"]).to_dict("records")
    assert [round(band[k]) for k in ("low", "value", "high")] == [5_000, 10_000, 12_500]


def test_the_hover_says_what_a_band_is(shown: Any) -> None:
    runs = shown(["lstm"])
    assert TIME.repeats(runs, "times") == curves.Repeats("Middle half", "Repetitions")
    ratio = Measure("times_as_fast").repeats(runs, "ratios")
    assert ratio == curves.Repeats("95% interval", "Launches")
    widths = Shown(PARAMETER_COUNT, (), pandas.DataFrame(), {}, {})
    assert Measure("parameters").repeats(widths, "widths").whole
    assert Measure("parameters").repeats(widths, "widths").count == ""


def test_a_setting_can_be_the_axis_where_it_varies_within_a_series(shown: Any) -> None:
    by_batch = Scaling("By batch", "times", (TIME,), setting="batch_size")
    by_width = Scaling("By width", "times", (TIME,), setting="hidden_size")
    runs = shown(["lstm"], batch_size=[8, 16])
    assert by_batch.available(runs)
    assert not by_width.available(runs)


def test_with_a_budget_no_series_has_two_widths(shown: Any) -> None:
    by_width = Scaling("By width", "times", (TIME,), setting="hidden_size")
    assert not by_width.available(shown(["rnn", "lstm", "gru"], parameter_budget=[10_000]))


def test_problems_are_sentences() -> None:
    lines = [
        ("attention", "attention", "training", 2048, "out of memory"),
        ("attention", "attention", "training", 4096, "out of memory"),
        ("LSTM", "fused", "training", 4096, ""),
        *(("bi-GRU", "fused", "training", length, "no bfloat16") for length in (1024, 2048, 4096)),
    ]
    names = ["label", "subject", "mode", "sequence_length", "problem"]
    rows = pandas.DataFrame(lines, columns=names)
    found = base.problems(TimeRow, rows, scales.curve_of(TimeRow))
    assert found == [
        "attention, training, sequence length 2,048 and 4,096: out of memory",
        "bi-GRU, training: no bfloat16",
    ]
    assert base.problems(WidthRow, rows, scales.curve_of(WidthRow)) == []


@pytest.mark.parametrize(
    "figure",
    [
        "Latency",
        *(pytest.param(f, marks=pytest.mark.slow) for f in ("Time by length", "At one length")),
    ],
)
def test_the_page_lists_where_there_is_no_value(shown: Any, show: Show, figure: str) -> None:
    shown(["lstm"])
    said = texts(show(PAGE, figure=figure)).replace("\\", "")
    assert f"{SIZES[-1]:,}: {PROBLEM}" in said
    without = show(PAGE, figure=figure, compared=["linear"])
    assert "Missing values" not in texts(without)
    assert "Missing values" not in texts(show(PAGE, figure=figure, compared="none"))


def test_a_figure_by_batch_appears_with_a_second_batch(shown: Any, show: Show) -> None:
    shown(["lstm"], batch_size=[8, 16])
    app = show(PAGE, figure="By batch")
    assert not app.exception
    assert not app.warning
    assert app.get("vega_lite_chart")
    assert "By width" not in [tab.label for tab in app.tabs]


def test_declared_values_come_in_their_order() -> None:
    assert scales.in_order(TimeRow, "mode", ["forward", "training"]) == ["training", "forward"]
    assert scales.in_order(WidthRow, "hidden_size", [64, 16, 64]) == [16, 64]
    assert "p50_us" not in scales.whole_numbers(LatencyRow)
    assert {"tokens", "context_length"} <= scales.whole_numbers(LatencyRow)
