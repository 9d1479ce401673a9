"""The first sentence of an answer claims no more than the verdicts under it."""

from __future__ import annotations

import dataclasses

import pytest

from core.analysis.sentences import answer, p_value
from core.experiments import experiment_named
from core.stats.estimates import MISSING
from tests.core.analysis.test_one_verdict import Measured, Values

LOW = [4.0, 5.0, 4.0, 5.0, 4.0, 5.0, 4.0, 5.0]
HIGH = [value + 20 for value in LOW]
SCATTERED = [1.0, 27.0, 1.0, 27.0, 27.0, 27.0, 1.0, 27.0]
"""Of a higher median than HIGH, but not distinguishable from it or from LOW."""


@pytest.mark.parametrize(
    ("values", "first"),
    [
        pytest.param(
            {"lstm": HIGH, "rnn": LOW, "gru": LOW},
            "LSTM handles the longest sentences: bottleneck length 24.5 words",
            id="ahead of all",
        ),
        pytest.param(
            {"lstm": HIGH, "rnn": LOW, "gru": [*HIGH[:7], 24.0]},
            "LSTM has the highest bottleneck length: 24.5 words",
            id="ahead of one, level with one",
        ),
        pytest.param(
            {"lstm": HIGH, "rnn": LOW, "gru": SCATTERED},
            "No clear winner in bottleneck length: GRU has the highest, 27 words",
            id="level with all, which differ from each other",
        ),
        pytest.param(
            {"lstm": HIGH, "rnn": HIGH},
            "Both have the same bottleneck length: 24.5 words.",
            id="two that are equal",
        ),
    ],
)
def test_the_first_sentence(values: Values, first: str) -> None:
    comparison = Measured(experiment_named("length-quality"), values).comparison()
    assert answer(comparison).startswith(first)


MANY = ("lstm", "rnn", "gru", "bi-rnn", "bi-lstm", "bi-gru")


def answered(variants: tuple[str, ...], ahead: int = 1) -> str:
    """Of so many variants that are ahead of the others."""
    values = {name: HIGH if n < ahead else LOW for n, name in enumerate(variants)}
    return answer(Measured(experiment_named("length-quality"), values).comparison())


def test_only_where_several_pairs_were_tested_is_p_corrected() -> None:
    assert "(exact rank-sum test, n = 8)." in answered(MANY[:2])
    assert "(exact rank-sum test, n = 8, corrected for 3 pairs by Holm)." in answered(MANY[:3])


def test_seeds_are_counted_from_the_fewest_to_the_most() -> None:
    values = {"lstm": HIGH[:4], "rnn": LOW}
    found = answer(Measured(experiment_named("length-quality"), values).comparison())
    assert "(exact rank-sum test, n = 4 to 8)." in found


def test_others_are_named_while_they_are_few_and_counted_if_they_are_many() -> None:
    assert "from RNN, GRU, bi-RNN and bi-LSTM by more" in answered(MANY[:5])
    assert "from all 5 others by more" in answered(MANY)
    two = answered(MANY, ahead=2)
    assert "from GRU, bi-RNN, bi-LSTM and bi-GRU by more" in two
    assert "It is not distinguishable from RNN." in two, "the test is named once"
    assert answered(MANY[:3], ahead=3).startswith("All 3 have the same")


def test_groups_without_a_value_are_named() -> None:
    comparison = Measured(experiment_named("length-quality"), {"lstm": HIGH}).comparison()
    result = comparison.headline
    assert result is not None

    def without(*names: str) -> str:
        estimates = {**result.estimates, **dict.fromkeys(names, MISSING)}
        groups = tuple(dataclasses.replace(comparison.groups[0], name=n) for n in estimates)
        lacking = dataclasses.replace(result, estimates=estimates)
        asked = {"results": (lacking,), "measure": result.column.name}
        return answer(dataclasses.replace(comparison, groups=groups, **asked))

    assert without("A").endswith("A has no bottleneck length.")
    assert without("A", "B", "C", "D").endswith("A, B, C and D have no bottleneck length.")
    assert without("A", "B", "C", "D", "E").endswith(
        "A, B, C and 2 others have no bottleneck length."
    )
    assert without("LSTM") == "LSTM has no bottleneck length."
    assert without("LSTM", "A") == "LSTM and A have no bottleneck length."


@pytest.mark.parametrize(
    ("p", "text"), [(0.0, "p < 0.001"), (0.00099, "p < 0.001"), (0.001, "p = 0.001")]
)
def test_a_small_p_is_shown_as_below_a_thousandth(p: float, text: str) -> None:
    assert p_value(p) == text
