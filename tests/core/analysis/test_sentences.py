"""The first sentence of an answer claims no more than the verdicts under it."""

from __future__ import annotations

import pytest

from core.analysis.sentences import answer
from core.experiments import experiment_named
from tests.core.analysis.test_one_verdict import Measured, Values

LOW = [20.0, 21.0, 20.0, 21.0, 20.0, 21.0, 20.0, 21.0]
HIGH = [value + 20 for value in LOW]
SCATTERED = [1.0, 99.0, 1.0, 99.0, 1.0, 99.0, 1.0, 99.0]
"""Of a higher mean than HIGH, but not distinguishable from it or from LOW."""


@pytest.mark.parametrize(
    ("values", "first"),
    [
        pytest.param(
            {"lstm": HIGH, "rnn": LOW, "gru": LOW},
            "LSTM handles the longest sentences: bottleneck length 40.5 words",
            id="ahead of all",
        ),
        pytest.param(
            {"lstm": HIGH, "rnn": LOW, "gru": [*HIGH[1:], 40.0]},
            "LSTM has the highest bottleneck length: 40.5 words",
            id="ahead of one, level with one",
        ),
        pytest.param(
            {"lstm": HIGH, "rnn": LOW, "gru": SCATTERED},
            "No clear winner in bottleneck length: GRU has the highest, 50 words",
            id="level with all, which differ from each other",
        ),
        pytest.param(
            {"lstm": HIGH, "rnn": HIGH},
            "Both have the same bottleneck length: 40.5 words.",
            id="two that are equal",
        ),
    ],
)
def test_the_first_sentence(values: Values, first: str) -> None:
    comparison = Measured(experiment_named("length-quality"), values).comparison()
    assert answer(comparison).startswith(first)
