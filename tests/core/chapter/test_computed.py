"""Claims 1, 2, 3 and 15: what is computed on the spot, and what would refute it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import pytest

from core.chapter import CLAIMS, compute_all
from core.chapter.claim import Results, Verdict
from core.chapter.computed import hundred_steps, what_the_decoder_receives


@pytest.fixture(scope="module")
def facts() -> Mapping[int, Any]:
    computed = compute_all()
    return {int(n): found for n, found in json.loads(json.dumps(computed)).items()}


def verdict(number: int, facts: Any) -> Verdict:
    return CLAIMS[number - 1].verdict(Results(computed={number: facts}))


def test_what_is_computed_can_be_kept_as_json(facts: Mapping[int, Any]) -> None:
    assert sorted(facts) == [1, 2, 3, 12, 15]


@pytest.mark.parametrize("number", [1, 2, 3, 15])
def test_what_is_computed_holds(number: int, facts: Mapping[int, Any]) -> None:
    found = verdict(number, facts[number])
    assert found.outcome == "holds"
    assert found.evidence == ()


def test_the_first_claims_figures_are_the_chapters(facts: Mapping[int, Any]) -> None:
    first = verdict(1, facts[1])
    assert first.answer == "The same number"
    # I·H + H² + 2H for 32 features and 64 units.
    assert first.numbers["parameters at T = 500"].value == 32 * 64 + 64**2 + 2 * 64
    assert verdict(2, facts[2]).answer == 6
    assert "[[2, 3], [2, 0]]" in verdict(2, facts[2]).figure
    assert "2.66 × 10⁻⁵ of the gradient" in verdict(3, facts[3]).figure
    assert "13,781-fold" in verdict(3, facts[3]).figure
    assert "(1, 3, 128)" in verdict(15, facts[15]).figure
    assert "reads (1, 1, 128), with attention (1, 3, 128)" in verdict(15, facts[15]).figure


def test_a_linear_recurrence_of_the_real_pipeline_is_exact() -> None:
    found = hundred_steps()
    assert math.isclose(found["kept"], 0.9**100, rel_tol=1e-12)
    assert math.isclose(found["grown"], 1.1**100, rel_tol=1e-12)


def test_parameters_that_grow_with_length_refute_the_first(facts: Mapping[int, Any]) -> None:
    grown = {**facts[1], "parameters": [[5, 100], [50, 1000], [500, 10_000]]}
    assert verdict(1, grown).outcome == "does not hold"
    assert verdict(1, grown).answer == "100×"
    assert verdict(1, {**facts[1], "largest_difference": 0.1}).outcome == "does not hold"


def test_another_matrix_refutes_the_second(facts: Mapping[int, Any]) -> None:
    first, second = facts[2]["matrices"]
    assert verdict(2, {"matrices": [second, first]}).outcome == "does not hold"


def test_another_factor_refutes_the_third(facts: Mapping[int, Any]) -> None:
    lost = verdict(3, {**facts[3], "kept": 0.2})
    assert (lost.outcome, lost.answer) == ("does not hold", "About a tenth")
    assert verdict(3, {**facts[3], "grown": 13_000.0}).outcome == "does not hold"


def test_a_decoder_that_receives_every_state_refutes_the_fifteenth() -> None:
    found = what_the_decoder_receives()
    seen = verdict(15, {**found, "none": found["dot"]})
    assert (seen.outcome, seen.answer) == ("does not hold", "Three vectors")


@pytest.mark.parametrize("number", [1, 2, 3, 15])
def test_what_was_not_computed_is_not_measured(number: int) -> None:
    assert CLAIMS[number - 1].verdict(Results()).outcome == "not measured yet"


@pytest.mark.parametrize(
    ("kept", "answer"),
    [
        (0.011, "About a tenth"),
        (0.009, "About a thousandth"),
        (1.1e-4, "About a thousandth"),
        (0.9e-4, "Less than a ten-thousandth"),
    ],
)
def test_what_is_left_is_answered_by_its_power_of_ten(
    kept: float, answer: str, facts: Mapping[int, Any]
) -> None:
    assert verdict(3, {**facts[3], "kept": kept}).answer == answer


@pytest.mark.parametrize(
    ("times", "answer"),
    [
        (3.1, "The same number"),
        (3.2, "10×"),
        (31, "10×"),
        (32, "100×"),
    ],
)
def test_how_many_more_parameters_is_answered_by_the_nearest_power_of_ten(
    times: float, answer: str, facts: Mapping[int, Any]
) -> None:
    grown = {**facts[1], "parameters": [[50, 2000], [5, 1000], [500, 1000 * times]]}
    assert verdict(1, grown).answer == answer


def test_rounding_is_allowed_for_and_no_more(facts: Mapping[int, Any]) -> None:
    for difference, holds in ((0.9e-5, True), (1.1e-5, False)):
        found = verdict(1, {**facts[1], "largest_difference": difference})
        assert (found.outcome == "holds") is holds
    for name in ("kept", "grown"):
        for relative, holds in ((0.5e-9, True), (-0.5e-9, True), (2e-9, False), (-2e-9, False)):
            value = facts[3][f"{name}_by_arithmetic"] * (1 + relative)
            assert (verdict(3, {**facts[3], name: value}).outcome == "holds") is holds


def test_arithmetic_must_have_the_chapters_digits(facts: Mapping[int, Any]) -> None:
    for name, value in (("kept", 0.0000271), ("grown", 13_782.0)):
        found = verdict(3, {**facts[3], name: value, f"{name}_by_arithmetic": value})
        assert found.outcome == "does not hold"
