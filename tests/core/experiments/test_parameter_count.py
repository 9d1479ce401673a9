"""`parameter-count`: every number of every row against torch's tensors or the formula."""

from __future__ import annotations

from typing import Any

import pandas
import pytest
from torch import nn

from core.architecture import VARIANTS
from core.experiment import Progress, Row
from core.experiments.parameter_count import (
    PARAMETER_COUNT,
    ActivationRow,
    ParameterCountConfig,
    ParameterCountSummary,
    PartRow,
    WidthRow,
)
from core.experiments.parameter_count_words import comparison_in_words, run_in_words
from core.settings import BadSetting

SMALL = {"smallest_width": [4], "largest_width": [16], "hidden_size": [6], "sequence_length": [10]}


def measured(variant: str, **settings: Any) -> list[Row]:
    (config,) = PARAMETER_COUNT.configs(
        [variant], {**SMALL, **{name: [value] for name, value in settings.items()}}
    )
    return [event for event in PARAMETER_COUNT.run(config) if isinstance(event, Row)]


def of(rows: list[Row], kind: type[Row]) -> list[Any]:
    return [row for row in rows if type(row) is kind]


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_width_has_its_rows_and_they_agree(variant: str) -> None:
    rows = measured(variant, vocabulary=50, outputs=7, layers=2)
    widths = of(rows, WidthRow)
    assert [row.hidden_size for row in widths] == [4, 6, 8, 16]
    for row in widths:
        assert row.tensors_total == row.parameters_total
        parts = [p for p in of(rows, PartRow) if p.hidden_size == row.hidden_size]
        assert sum(p.parameters for p in parts) == row.parameters_total
        assert [p.part for p in parts] == ["input", "recurrent", "bias", "embedding", "output"]
        kept = [a for a in of(rows, ActivationRow) if a.hidden_size == row.hidden_size]
        assert [a.implementation for a in kept] == ["fused", "equations"]
        assert all(0 < a.activation_mib <= a.graph_mib for a in kept)
    (summary,) = of(rows, ParameterCountSummary)
    assert summary.parameters == widths[1].parameters
    assert rows[-1] is summary


def test_the_ratio_is_one_to_four_to_three_at_any_width_and_depth() -> None:
    for cell, ratio in (("rnn", 1), ("lstm", 4), ("gru", 3)):
        for directions in ("", "bi-"):
            rows = of(measured(directions + cell, layers=1), WidthRow)
            assert {row.over_rnn for row in rows} == {ratio * (2 if directions else 1)}


def test_the_chapters_exercise_256_to_64_shrinks_about_quadratically() -> None:
    rows = of(measured("lstm", input_size=64, smallest_width=64, largest_width=256), WidthRow)
    counts = {row.hidden_size: row.parameters for row in rows}
    assert counts[256] == sum(p.numel() for p in nn.LSTM(64, 256).parameters())
    assert 9 < counts[256] / counts[64] < 16


def test_progress_reaches_its_total() -> None:
    (config,) = PARAMETER_COUNT.configs(["gru"], SMALL)
    told = [event for event in PARAMETER_COUNT.run(config) if isinstance(event, Progress)]
    assert told[0].done == 0
    assert told[-1].done == pytest.approx(told[-1].total)


def test_without_embedding_and_head_there_are_no_such_parts() -> None:
    parts = {row.part for row in of(measured("rnn"), PartRow)}
    assert parts == {"input", "recurrent", "bias"}


def test_the_state_takes_half_the_bytes_in_half_precision() -> None:
    sizes = {
        dtype: of(measured("lstm", dtype=dtype), ParameterCountSummary)[0].state_bytes
        for dtype in ("float64", "float32", "bfloat16")
    }
    assert sizes == {"float64": 2 * 6 * 8, "float32": 2 * 6 * 4, "bfloat16": 2 * 6 * 2}


def test_a_sweep_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(BadSetting, match="smallest_width is 512, but largest_width is 8; give"):
        ParameterCountConfig.from_flat({"smallest_width": 512, "largest_width": 8})


def runs(variants: list[str], **settings: Any) -> pandas.DataFrame:
    asked = {**SMALL, **{name: [value] for name, value in settings.items()}}
    if "parameter_budget" in settings:
        del asked["hidden_size"]
    lines = []
    for variant in variants:
        (config,) = PARAMETER_COUNT.configs([variant], asked)
        *_, summary = PARAMETER_COUNT.run(config)
        named = {"label": config.architecture.label, "variant": variant}
        flat = dict(zip(summary.header(), summary.flat(), strict=True))
        lines.append({**named, **config.flat(), **flat})
    return pandas.DataFrame(lines)


class TestWords:
    def test_a_comparison_names_the_fewest_and_the_ratios(self) -> None:
        said = comparison_in_words(runs(["lstm", "rnn", "gru"]))
        assert said.startswith("RNN 6 has 432 recurrent parameters, the fewest here; ")
        assert "GRU 6 has 3.00 times as many and LSTM 6 4.00." in said
        assert "Doubling the hidden size from 6 multiplies the count by 2.2." in said
        assert "Training over 10 steps keeps" in said

    def test_at_one_budget_it_names_the_widths(self) -> None:
        equal = {"parameter_budget": 1000, "input_size": 8}
        said = comparison_in_words(runs(["rnn", "lstm"], **equal))
        assert "About 1,000 recurrent parameters buy these hidden sizes: " in said
        assert "RNN 27" in said
        assert "LSTM 12" in said  # 1,056 parameters; 11 units would have 924

    def test_a_budget_for_some_only_is_a_plain_comparison(self) -> None:
        frame = pandas.concat(
            [runs(["rnn"]), runs(["rnn"], parameter_budget=1000)], ignore_index=True
        )
        for order in (frame, frame[::-1]):
            said = comparison_in_words(order)
            assert "RNN 6 has 432 recurrent parameters, the fewest here" in said
            assert "buy" not in said

    def test_no_run_is_left_out_where_another_setting_differs(self) -> None:
        frame = pandas.concat([runs(["rnn"], input_size=size) for size in (8, 16)])
        said = comparison_in_words(frame)
        assert "RNN 6 · input size 8 has 96 recurrent parameters, the fewest here" in said
        assert "RNN 6 · input size 16 has 1.50 times as many." in said
        assert "activations" not in said

    def test_one_run_and_none(self) -> None:
        assert "4.00 times the plain RNN's" in comparison_in_words(runs(["lstm"]))
        assert comparison_in_words(pandas.DataFrame()) == "Nothing has been measured yet."

    def test_a_runs_note_says_all_of_it(self) -> None:
        frame = runs(["lstm"])
        (config,) = PARAMETER_COUNT.configs(["lstm"], SMALL)
        said = run_in_words(config, frame.iloc[0].to_dict())
        assert said.startswith("LSTM 6 reading 64 features: 1,728 recurrent parameters, 4.00 times")
        assert "a state of 48 bytes" in said
