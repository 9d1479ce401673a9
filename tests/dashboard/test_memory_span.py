"""The span's page: estimates over seeds as they are, baselines drawn, nothing dropped silently."""

from __future__ import annotations

import math
from typing import Any

import pandas
import pytest

from core.experiment import Row
from core.experiments.memory_span import MEMORY_SPAN
from core.experiments.memory_span.declaration import (
    AttemptRow,
    LagRow,
    MemorySpanConfig,
    MemorySpanSummary,
)
from core.stats.estimates import MISSING, Estimate
from core.store.recorder import Recorder
from core.store.tracking import Store
from core.tasks.lag_shapes import LAG_WORDS, TaskName
from dashboard.charts import curves, lines, theme
from dashboard.charts.dots import dot_chart
from dashboard.figures.base import Measure, Shown, read
from dashboard.figures.leading import leading, most_learned
from dashboard.figures.lines import Curves
from dashboard.ui.text import plain
from dashboard.views import active_runs
from tests.dashboard.conftest import Show, texts
from tests.dashboard.scenes import close, record, rows

PAGE = "views/results/memory_span.py"

LAGS = (2, 5, 10)


def config(variant: str, **settings: Any) -> MemorySpanConfig:
    (made,) = MEMORY_SPAN.configs([variant], {k: [v] for k, v in settings.items()})
    assert isinstance(made, MemorySpanConfig)
    return made


def put(store: Store, config: MemorySpanConfig, *changed: Row) -> str:
    """A finished run of made-up rows, in which tables that rows are given for have only those."""
    run_id = store.create(MEMORY_SPAN, config, sweep="one", status="RUNNING")
    recorder = Recorder(store, run_id, MEMORY_SPAN)
    kept = [row for row in rows(MEMORY_SPAN, config) if type(row) not in set(map(type, changed))]
    for row in (*kept, *changed):
        recorder.take(row)
    close(recorder)
    store.end(run_id, "FINISHED", "")
    return run_id


def summary(span: float, half_life: float | None, next_lag: int | None) -> MemorySpanSummary:
    after = MISSING if half_life is None else Estimate(half_life, half_life, half_life, 5)
    return MemorySpanSummary(
        span=Estimate(span, span, span, 5),
        furthest_lag=Estimate(span, span, span, 5),
        next_lag=next_lag,
        longest_lag_tried=100,
        reported_learning_rate=0.003,
        steps_to_learn=Estimate(400, None, None, 5),
        half_life_start=Estimate(2.0, 1.9, 2.1, 5),
        half_life_end=after,
        parameters=9000,
        span_by_seed=", ".join([f"{span:.0f}"] * 5),
        gaps="",
        diverged="",
        rates_tried="0.003: 20",
    )


def lags(*success: float, half_life: float = 4.0) -> list[LagRow]:
    return [
        LagRow(
            lag=lag,
            success=Estimate(percent, max(0.0, percent - 40), min(100.0, percent + 40), 5),
            success_so_far=Estimate(percent, percent, percent, 5),
            accuracy=Estimate(90.0, 80.0, 130.0, 5),
            loss=Estimate(0.5, -0.1, 1.1, 5),
            baseline=math.log(8),
            chance=12.5,
            steps_to_learn=MISSING,
            half_life_start=Estimate(2.0, 1.9, 2.1, 5),
            half_life_end=Estimate(half_life, half_life, half_life, 5),
            distance=float(lag),
        )
        for lag, percent in zip(LAGS, success, strict=True)
    ]


@pytest.fixture
def shown(store: Store, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Everything in the store, read."""
    monkeypatch.setattr("dashboard.store.cache.dark", lambda: False)
    return lambda: read(MEMORY_SPAN, store.runs())


def live(store: Store) -> str:
    """What is shown of the store's runs on the launch page."""
    chart = active_runs.preview(MEMORY_SPAN, store.runs(), intervals=False)
    assert chart is not None
    return str(chart.to_dict())


def drawn(chart: Any, kind: str) -> list[dict[str, Any]]:
    """The rows of each layer of a kind."""
    made = chart.to_dict()
    return [
        {**layer, "rows": made["datasets"][layer["data"]["name"]]}
        for layer in made["layer"]
        if layer.get("mark", {}).get("type") == kind
    ]


def test_an_estimate_over_seeds_keeps_its_interval(store: Store, shown: Any) -> None:
    put(store, config("rnn"), *lags(100, 60, 0))
    found = curves.recorded_bands(shown().rows("lags"), ["label", "lag"], "success", (0, 100))
    assert list(found["low"]) == [60, 20, 0]
    assert list(found["high"]) == [100, 100, 40]
    assert set(found["n"]) == {5}
    cut = curves.recorded_bands(shown().rows("lags"), ["label", "lag"], "accuracy", (0, 100))
    assert set(cut["high"]) == {100}


def test_variants_stand_side_by_side_and_say_their_true_lag(store: Store, shown: Any) -> None:
    for variant in ("rnn", "lstm", "gru"):
        put(store, config(variant), *lags(100, 60, 0))
    chart = leading(MEMORY_SPAN).preview(shown(), intervals=True, height=300)
    (whiskers,) = (layer for layer in drawn(chart, "rule") if "y2" in layer["encoding"])
    at_five = sorted(row["lag"] for row in whiskers["rows"])[3:6]
    assert at_five[0] < 5 < at_five[2]
    assert at_five[1] == pytest.approx(5)
    (hover,) = (layer for layer in drawn(chart, "circle") if "tooltip" in layer["encoding"])
    assert {row["place"] for row in hover["rows"]} == set(LAGS)
    assert "place" in {line["field"] for line in hover["encoding"]["tooltip"]}


def test_a_baseline_that_all_share_is_drawn_once() -> None:
    rows = pandas.DataFrame(
        {
            "label": ["RNN", "RNN", "GRU", "GRU", "GRU", "LSTM"],
            "lag": [2, 5, 2, 5, 9, 2],
            "baseline": [0.5, 0.4, 0.5, 0.4, 0.3, 1.0],
        }
    )
    found = curves.baselines(rows, "lag", "baseline")
    lines = {
        name: dict(part[["lag", "value"]].to_numpy()) for name, part in found.groupby("series")
    }
    assert list(lines.values()) == [{2: 0.5, 5: 0.4, 9: 0.3}, {2: 1.0}]


def test_the_loss_is_drawn_with_what_ignoring_the_past_scores(store: Store, shown: Any) -> None:
    put(store, config("rnn"), *lags(100, 60, 0))
    figure = Curves("Loss", "lags", (Measure("loss", baseline="baseline"),))
    made: Any = figure.preview(shown(), intervals=True, height=300)
    made = made.to_dict()
    said = str(made)
    assert "without memory" in said
    heights = [row["value"] for rows in made["datasets"].values() for row in rows if "text" in row]
    assert set(heights) == {math.log(8)}


def test_learning_is_shown_at_the_rate_that_came_furthest() -> None:
    made = [("RNN", 0.001, 0), ("RNN", 0.001, 1), ("RNN", 0.01, 1), ("RNN", 0.01, 1)]
    attempts = pandas.DataFrame(
        [*made, ("GRU", 0.001, 1)], columns=["label", "learning_rate", "learned"]
    )
    kept = most_learned(attempts, AttemptRow)
    assert set(zip(kept["label"], kept["learning_rate"], strict=True)) == {
        ("RNN", 0.01),
        ("GRU", 0.001),
    }


def test_while_a_run_is_going_all_of_them_are_in_the_preview(store: Store, shown: Any) -> None:
    put(store, config("rnn"), *lags(100, 60, 0))
    run_id = store.create(MEMORY_SPAN, config("gru"), sweep="one", status="RUNNING")
    recorder = Recorder(store, run_id, MEMORY_SPAN)
    for row in rows(MEMORY_SPAN, config("gru")):
        if isinstance(row, AttemptRow):
            recorder.take(row)
    recorder.upload()
    said = live(store)
    assert "'RNN'" in said
    assert "'GRU'" in said
    store.end(run_id, "KILLED", "enough")
    said = live(store)
    assert "Success" in said


def test_what_cannot_be_placed_is_told(store: Store, show: Show) -> None:
    put(store, config("rnn"), summary(0, 2.0, 2))
    put(store, config("lstm"), summary(100, math.inf, None))
    put(store, config("gru"), summary(20, None, 30))
    app = show(PAGE, figure="Half-life and span")
    assert not app.exception
    assert app.get("vega_lite_chart")
    said = texts(app)
    for remark in (
        "Asymptotic half-life after is infinite, so it stands at the right edge: LSTM.",
        "Span is 0, so it stands at the bottom: RNN.",
        "Triangle, because nothing beyond its span was tried: LSTM.",
        "Without one of the two, and so not drawn: GRU.",
    ):
        assert plain(remark) in said


def test_an_infinite_half_life_is_told_under_the_curves(store: Store, show: Show) -> None:
    put(store, config("rnn"), *lags(100, 60, 0))
    put(store, config("lstm"), *lags(100, 60, 0, half_life=math.inf))
    app = show(PAGE, figure="Half-life by lag")
    assert not app.exception
    assert plain("LSTM is infinite at every lag, and not drawn there.") in texts(app)


def test_infinite_intervals_are_drawn_as_far_as_the_figure_goes() -> None:
    column = next(c for c in LagRow.columns() if c.name == "lag")
    measure = next(c for c in LagRow.columns() if c.name == "success")
    line = {"label": "RNN", "value": 1.0, "low": 0.5, "n": 5}
    bands = pandas.DataFrame(
        [{**line, "lag": 2, "high": math.inf}, {**line, "lag": 5, "high": 2.0}]
    )
    chart = lines.line_chart(bands, column, measure, theme.styles({"RNN": "rnn"}), sizes=True)
    (area,) = drawn(chart, "area")
    top = area["encoding"]["y"]["scale"]["domain"][1]
    assert [row["high"] for row in area["rows"]] == [pytest.approx(top), 2.0]


def test_every_rate_has_its_row_and_the_reported_one_is_named(store: Store, show: Show) -> None:
    def attempt(rate: float, lag: int, learned: int) -> AttemptRow:
        return AttemptRow(rate, 0, lag, learned, None, 1.0, 50.0, 2.0, 2.0, 100)

    made = [attempt(rate, lag, int(lag < 9)) for rate in (0.001, 0.003) for lag in LAGS]
    put(store, config("rnn"), *made, summary(5, 2.0, 10))
    app = show(PAGE, figure="By learning rate")
    assert not app.exception
    assert len(app.get("vega_lite_chart")) == 1
    assert plain("0.003 chosen") in texts(app)
    assert plain("0.003: 20") in texts(app)


def test_a_link_keeps_range_and_lag_apart(store: Store, show: Show) -> None:
    record(store, MEMORY_SPAN, config("rnn"), "one", wide=True)
    app = show(PAGE, lag_range=["5", "20"])
    assert not app.warning
    app = show(PAGE, figure="Training", lag="2", lag_range=["5", "20"], lags="Loss")
    assert not app.exception
    assert not app.warning


def test_the_page_says_what_was_learned_within_what(store: Store, show: Show) -> None:
    put(store, config("rnn", task="adding", seeds=3, training_steps=2000))
    line = "Task: the adding problem. At most 2,000 training steps at each lag, 3 seeds, "
    assert plain(line) in texts(show(PAGE))


def test_shown_has_no_seeds_to_single_out(store: Store, show: Show) -> None:
    put(store, config("rnn"), *lags(100, 60, 0))
    assert not [toggle for toggle in show(PAGE).toggle if "single" in str(toggle.key)]


def test_results_are_what_was_recorded(store: Store, shown: Any) -> None:
    put(store, config("rnn"), summary(20, 3.0, 30))
    found: Shown = shown()
    assert (found.results["span"][0], found.results["half_life_end"][0]) == (20, 3.0)


def test_a_dot_without_an_end_has_a_sign_and_the_axis_stays_finite() -> None:
    made = [("RNN", 2.0, 1.0, 3.0), ("LSTM", math.inf, 5.0, math.inf), ("GRU", 4.0, 3.0, math.inf)]
    dots = pandas.DataFrame(made, columns=["label", "value", "low", "high"]).assign(n=5)
    styles = theme.styles({"RNN": "rnn", "LSTM": "lstm", "GRU": "gru"})
    measure = next(c for c in MEMORY_SPAN.summary.columns() if c.name == "half_life_end")
    chart = dot_chart(dots, measure, styles, curves.SEEDS).to_dict()
    assert [layer["mark"]["type"] for layer in chart["layer"]] == ["rule", "circle", "text"]
    (rows,) = chart["datasets"].values()
    assert [row["high"] for row in rows] == [3.0, 5.0, 5.0]
    assert [row["value"] for row in rows] == [2.0, None, 4.0]
    assert [row["value_text"] for row in rows] == ["2", "∞", "4"]
    assert [row["label"] for row in rows if row["endless"]] == ["LSTM", "GRU"]


@pytest.mark.parametrize("task", ["recall", "adding", "copy"])
def test_the_axis_of_lags_is_named_as_the_task_names_it(
    store: Store, shown: Any, task: TaskName
) -> None:
    put(store, config("rnn", task=task), *lags(100, 60, 0))
    chart = leading(MEMORY_SPAN).preview(shown(), intervals=True, height=300)
    assert chart is not None
    words = LAG_WORDS[task]
    assert f"{words.title} ({words.unit})" in str(chart.to_dict())


def test_an_axis_of_several_tasks_has_its_general_name(store: Store, shown: Any) -> None:
    for task in ("recall", "adding"):
        put(store, config("rnn", task=task), *lags(100, 60, 0))
    chart = str(leading(MEMORY_SPAN).preview(shown(), intervals=True, height=300).to_dict())  # type: ignore[union-attr]
    assert "Lag (steps)" in chart
    assert "Sequence length" not in chart


def test_the_page_says_what_the_lag_of_adding_is(store: Store, show: Show) -> None:
    put(store, config("rnn", task="adding"), *lags(100, 60, 0), summary(50, 3.0, 70))
    app = show(PAGE)
    assert plain(LAG_WORDS["adding"].meaning) in texts(app)
    headings = app.dataframe[0].value.columns
    assert "Span in length T (steps)" in headings


def test_a_span_at_the_longest_lag_is_a_lower_bound_in_the_table(store: Store, show: Show) -> None:
    put(store, config("gru", longest_lag=50), summary(50, 3.0, None))
    put(store, config("rnn", longest_lag=50), summary(20, 3.0, 30))
    table = show(PAGE).dataframe[0].value
    assert list(table["Span (steps)"]) == ["≥ 50", "20"]
