"""`parameter-count`: every number of every row against torch's tensors or the formula."""

from __future__ import annotations

from typing import Any

import pytest
from torch import nn

from core.experiment import Progress, Row
from core.experiments.parameter_count import PARAMETER_COUNT
from core.experiments.parameter_count.declaration import (
    ActivationRow,
    ParameterCountConfig,
    ParameterCountSummary,
    PartRow,
    WidthRow,
)
from core.models.architecture import Architecture
from core.models.counting import pass_cost
from core.settings import BadSetting
from tests.core.made import every_variant

SMALL = {"smallest_width": [4], "largest_width": [16], "hidden_size": [6], "sequence_length": [10]}


def measured(variant: str, **settings: Any) -> list[Row]:
    (config,) = PARAMETER_COUNT.configs(
        [variant], {**SMALL, **{name: [value] for name, value in settings.items()}}
    )
    return [event for event in PARAMETER_COUNT.measure(config) if isinstance(event, Row)]


def of(rows: list[Row], kind: type[Row]) -> list[Any]:
    return [row for row in rows if type(row) is kind]


@pytest.mark.parametrize("variant", every_variant())
def test_every_width_has_its_rows_and_they_agree(variant: str) -> None:
    rows = measured(variant, vocabulary=50, outputs=7, layers=2)
    widths = of(rows, WidthRow)
    assert [row.hidden_size for row in widths] == [4, 6, 8, 16]
    for row in widths:
        assert row.tensors_total == row.parameters_total
        parts = [p for p in of(rows, PartRow) if p.hidden_size == row.hidden_size]
        assert sum(p.parameters for p in parts) == row.parameters_total
        of_x = variant.removeprefix("bi-") in ("min-gru", "min-lstm", "delta-net")
        none = "recurrent" if of_x else ""  # everything but the state reads x alone
        every = ["input", "recurrent", "bias", "embedding", "output"]
        assert [p.part for p in parts] == [part for part in every if part != none]
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
    reports = [event for event in PARAMETER_COUNT.measure(config) if isinstance(event, Progress)]
    assert reports[0].done == 0
    assert reports[-1].done == pytest.approx(reports[-1].total) == PARAMETER_COUNT.work(config)


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


def test_work_is_that_of_two_implementations_at_every_width() -> None:
    settings = {**SMALL, "sequence_length": [36], "batch_size": [3]}
    (config,) = PARAMETER_COUNT.configs(["lstm"], settings)
    assert isinstance(config, ParameterCountConfig)
    assert config.widths == [4, 6, 8, 16]
    # Both run once more over 64 further steps.
    passes = {"steps": 36 + 64, "sequences": 3, "backward": False}
    expected = sum(
        2 * pass_cost(Architecture(cell="lstm", hidden_size=width), 64, **passes)
        for width in config.widths
    )
    assert PARAMETER_COUNT.work(config) == expected


KEPT = {"rnn": 2, "lstm": 6, "gru": 5}
"""Numbers that the backward pass through one step needs, over H. By hand, for one input x:

RNN, h' = tanh(a): the gate tanh(a), for tanh' = 1 − tanh²; and h, for ∂L/∂W = ∂L/∂a hᵀ.   2
LSTM: the gates i, f, g and o; c, for ∂c'/∂f and tanh(c'); and h for the weights.           6
GRU: m = W h + b, for ∂n/∂r; the gates r, z and n; and h, for ∂h'/∂z and the weights.       5
"""


@pytest.mark.parametrize("cell", KEPT)
@pytest.mark.parametrize("hidden_size", [16, 48])
def test_the_equations_keep_what_their_backward_pass_needs(cell: str, hidden_size: int) -> None:
    rows = measured(cell, hidden_size=hidden_size, smallest_width=16, largest_width=16)
    kept = {
        row.implementation: row for row in of(rows, ActivationRow) if row.hidden_size == hidden_size
    }
    assert kept["equations"].bytes_per_step == KEPT[cell] * hidden_size * 4
    (summary,) = of(rows, ParameterCountSummary)
    assert summary.equation_activation_mib == kept["equations"].activation_mib
    assert summary.equation_activation_mib == KEPT[cell] * hidden_size * 4 * 10 / 2**20
    assert summary.activation_mib == kept["fused"].activation_mib


def test_the_cells_are_compared_by_their_equations_and_not_by_their_kernels() -> None:
    columns = {column.name: column for column in PARAMETER_COUNT.summary.columns()}
    assert columns["equation_activation_mib"].better == "lower"
    assert columns["activation_mib"].better is None
    headlines = [headline.name for headline in PARAMETER_COUNT.headlines]
    assert "equation_activation_mib" in headlines
    assert "activation_mib" not in headlines
