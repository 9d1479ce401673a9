"""A measure across settings: what runs can be laid out by, in which order, and as which cells."""

from __future__ import annotations

import pytest

from core.analysis.across import axes, axis_of, is_varied, ordered_texts, pivot
from core.analysis.comparison import Comparison
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.settings import BadSetting
from tests.core.made import Made, around, compared, run


def made(variant: str, rate: float, **settings: object) -> Made:
    return run(GRADIENT_DECAY, variant, settings=settings, decay_rate=around(rate, 0.001))


GRID = [
    made("lstm", 0.5 + 0.1 * bias + width / 1000, hidden_size=width, forget_bias=bias)
    for width in (32, 4, 16)
    for bias in (2.0, 0.0)
]


def laid_out(by: str = "") -> Comparison:
    return compared(*GRID, measure="half_distance_steps", by=by)


def test_runs_can_be_laid_out_by_what_differs_and_numbers_come_first() -> None:
    others = [made("gru", 0.6, hidden_size=8), made("lstm", 0.6, initialisation="orthogonal")]
    runs = compared(*GRID, *others).runs
    known = axes(GRADIENT_DECAY, runs)
    assert list(known) == ["hidden_size", "forget_bias", "initialisation", "variant"]
    assert [axis.is_number for axis in known.values()] == [True, True, False, False]
    assert list(axes(GRADIENT_DECAY, laid_out().runs)) == ["hidden_size", "forget_bias"]


def test_there_is_a_line_along_a_number_only_where_runs_differ_in_it_alone() -> None:
    known = axes(GRADIENT_DECAY, laid_out().runs)
    assert all(is_varied(axis, known, laid_out().runs) for axis in known.values())
    one_width_each = compared(
        made("rnn", 0.5, hidden_size=214), made("lstm", 0.6, hidden_size=105)
    ).runs
    known = axes(GRADIENT_DECAY, one_width_each)
    assert not is_varied(known["hidden_size"], known, one_width_each)


def test_numbers_are_in_order_after_the_default() -> None:
    comparison = compared(*GRID, made("lstm", 0.6, hidden_size=100))
    known = axes(GRADIENT_DECAY, comparison.runs)
    assert ordered_texts(known["hidden_size"], comparison.groups) == ["4", "16", "32", "100"]
    assert ordered_texts(known["forget_bias"], comparison.groups) == ["default", "0", "2"]


def test_a_setting_that_a_cell_does_not_have_has_no_number() -> None:
    runs = compared(*GRID, made("gru", 0.6, hidden_size=8)).runs
    forget_bias = axes(GRADIENT_DECAY, runs)["forget_bias"]
    assert {forget_bias.number(run) for run in runs} == {0.0, 2.0, None}
    assert forget_bias.text(runs[-1]) == "–"


def test_groups_by_two_settings_are_their_combinations() -> None:
    names = [group.name for group in laid_out("forget_bias, hidden_size").groups]
    assert len(names) == 6
    assert "forget bias 2 · hidden size 32" in names
    with pytest.raises(BadSetting, match="group_by is 'colour'"):
        laid_out("forget_bias,colour")


def test_a_pivot_has_the_estimates_and_the_marks_of_its_comparison() -> None:
    comparison = laid_out("hidden_size,forget_bias")
    known = axes(GRADIENT_DECAY, comparison.runs)
    table = pivot(comparison, known["hidden_size"], known["forget_bias"])
    assert table is not None
    assert (table.row_texts, table.column_texts) == (("4", "16", "32"), ("0", "2"))
    assert len(table.names) == 6
    best = table.names["32", "2"]
    assert table.result.marks[best]
    assert table.result.estimates[best] == comparison.result("half_distance_steps").estimates[best]  # type: ignore[union-attr]
    said = table.caption()
    assert "by hidden size (rows) and forget bias (columns)." in said
    assert "Bold: the best" in said


def test_a_pivot_says_over_what_it_pools() -> None:
    others = [made("lstm", 0.6, hidden_size=w, forget_bias=0.0, layers=2) for w in (4, 16)]
    comparison = compared(*GRID, *others, by="hidden_size,forget_bias")
    known = axes(GRADIENT_DECAY, comparison.runs)
    table = pivot(comparison, known["hidden_size"], known["forget_bias"])
    assert table is not None
    assert "pooled over layers." in table.caption()


def test_an_axis_that_does_not_differ_is_refused_with_those_that_do() -> None:
    known = axes(GRADIENT_DECAY, laid_out().runs)
    with pytest.raises(BadSetting, match="rows is 'layers', but these runs differ in hidden_size"):
        axis_of(known, "rows", "layers")
