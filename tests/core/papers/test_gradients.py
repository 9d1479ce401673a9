"""The card on gradients: every outcome from made-up rates and lines."""

from __future__ import annotations

import pytest

from core.chapter.claim import Truth
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.papers.gradients import BENGIO
from core.stats.estimates import Estimate
from experiments.suites import suite_named
from tests.core.made import results, run


@pytest.mark.parametrize(
    ("fit", "rate", "outcome", "truths"),
    [
        ((0.99, 0.98, 1.0), (0.57, 0.55, 0.59), "holds", [True, True]),
        ((0.90, 0.88, 0.92), (0.57, 0.55, 0.59), "not decided", [False, None]),
        ((0.99, 0.98, 1.0), (1.20, 1.10, 1.30), "partly", [True, False]),
        ((0.90, 0.88, 0.92), (1.20, 1.10, 1.30), "not decided", [False, None]),
        ((0.96, 0.94, 0.99), (0.99, 0.97, 1.01), "not decided", [None, None]),
    ],
)
def test_exponential_fading(
    fit: tuple[float, ...], rate: tuple[float, ...], outcome: str, truths: list[Truth]
) -> None:
    made = run(
        GRADIENT_DECAY,
        "rnn",
        line_fit=Estimate(*fit, 8),
        decay_rate=Estimate(*rate, 8),
    )
    found = BENGIO.verdict(results(made))
    assert (found.outcome, [part.truth for part in found.parts]) == (outcome, truths)
    assert len(found.evidence) == 1


def test_the_first_look_and_the_chapter_measure_it() -> None:
    for name in ("first-look", "chapter"):
        (measurement,) = BENGIO.measurements
        assert any(
            experiment is measurement.experiment and measurement.includes(config.flat())
            for experiment, config in suite_named(name).configs()
        )
