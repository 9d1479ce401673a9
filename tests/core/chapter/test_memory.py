"""Claims 6 and 7: from runs of memory-span."""

from __future__ import annotations

from typing import Any

import pytest

from core.chapter.claim import Verdict
from core.chapter.memory import CLIPPING, STRUGGLE
from core.experiments.memory_span import MEMORY_SPAN
from core.stats.estimates import Estimate
from tests.core.made import Made, results, run


def learner(*spans: int, variant: str = "rnn", **settings: Any) -> Made:
    """A run with these spans of single seeds."""
    ordered = sorted(spans)
    ends = (ordered[0], ordered[-1]) if len(spans) > 1 else (None, None)
    return run(
        MEMORY_SPAN,
        variant,
        settings={"hidden_size": 32, "seeds": len(spans), **settings},
        span=Estimate(ordered[len(spans) // 2], *ends, len(spans)),
        span_by_seed=", ".join(map(str, spans)),
        next_lag=None if ordered[-1] == 100 else ordered[-1] + 5,
    )


SHORT = learner(10, 10, 10, 15, 10)


def struggle(*runs: Made) -> Verdict:
    return STRUGGLE.verdict(results(*runs))


def test_a_plain_rnn_that_ends_within_twenty_steps_struggles() -> None:
    found = struggle(SHORT, learner(30, 30, 30, 50, 30, variant="gru"))
    assert (found.outcome, found.answer) == ("holds", "Up to 10 steps")
    assert "lags up to 10 in RNN 32 (10–15 in 5 seeds)" in found.figure
    assert "30 in GRU 32" in found.figure


def test_it_struggles_only_from_the_start_that_keeps_it_short() -> None:
    found = struggle(SHORT, learner(50, 70, 50, 50, 50, initialisation="orthogonal"))
    assert found.outcome == "partly"
    assert found.summary.endswith("It ends within 20 steps in RNN 32 only.")
    assert (found.measured, found.spread) == ("10 steps", "10–15 in 5 seeds")


def test_it_does_not_struggle_where_it_reaches_further() -> None:
    found = struggle(learner(30, 50, 30, 30, 50))
    assert (found.outcome, found.answer) == ("does not hold", "More than 20 steps")


def test_one_seed_and_spans_on_both_sides_of_twenty_do_not_tell() -> None:
    assert struggle(learner(10)).outcome == "not decided"
    assert struggle(learner(15, 20, 30, 15, 20)).outcome == "not decided"


def test_other_cells_and_other_budgets_do_not_measure_the_plain_rnn() -> None:
    assert struggle(learner(10, 10, 10, variant="lstm")).outcome == "not measured yet"
    assert struggle(learner(10, 10, 10, training_steps=50)).outcome == "not measured yet"


def clipping(*runs: Made) -> Verdict:
    return CLIPPING.verdict(results(*runs))


def test_clipping_is_no_cure_where_it_still_falls_short() -> None:
    found = clipping(SHORT, learner(7, 5, 7, 7, 5, clip=None))
    assert (found.outcome, found.answer) == ("holds", "It still falls short")
    assert "RNN 32 reaches further with clipping" in found.figure
    assert len(found.evidence) == 2
    same = clipping(SHORT, learner(10, 10, 15, 10, 10, clip=None))
    assert "In RNN 32 clipping makes no significant difference" in same.figure


def test_clipping_is_a_cure_where_everything_is_learned_with_it_alone() -> None:
    whole = learner(100, 100, 100, 100, 100)
    found = clipping(whole, learner(10, 10, 10, 10, 10, clip=None))
    assert (found.outcome, found.answer) == ("does not hold", "It learns every lag tried")
    assert "at least 100" in found.figure


def test_it_may_cure_one_network_and_not_another() -> None:
    cured = learner(100, 100, 100, 100, 100, recurrent_gain=3)
    lost = learner(2, 2, 3, 2, 2, recurrent_gain=3, clip=None)
    found = clipping(SHORT, learner(10, 10, 10, 10, 10, clip=None), cured, lost)
    assert found.outcome == "partly"
    assert "RNN 32 · gain 3 reaches further with clipping." in found.summary


def test_spans_that_look_equal_are_shown_seed_by_seed_where_they_differ() -> None:
    clipped = learner(7, 7, 7, 7, 7, 10, 10, 10)
    found = clipping(clipped, learner(2, 2, 3, 7, 7, 7, 7, 7, clip=None))
    assert "RNN 32 reaches further with clipping (the seeds reached" in found.summary
    assert "7, 7, 7, 7, 7, 10, 10, 10 against 2, 2, 3, 7, 7, 7, 7, 7)" in found.summary


def test_nothing_to_cure_and_single_seeds_do_not_tell() -> None:
    everything = [learner(*[100] * 5), learner(*[100] * 5, clip=None)]
    assert clipping(*everything).outcome == "not decided"
    assert clipping(learner(10), learner(7, clip=None)).outcome == "not decided"


def test_both_sides_of_clipping_are_needed() -> None:
    assert clipping(SHORT).outcome == "not measured yet"


@pytest.mark.parametrize(
    ("reach", "outcome", "answer"),
    [
        (10, "holds", "Up to 10 steps"),
        (11, "holds", "11 to 20 steps"),
        (20, "holds", "11 to 20 steps"),
        (21, "does not hold", "More than 20 steps"),
    ],
)
def test_how_far_it_reaches_changes_at_ten_and_at_twenty_steps(
    reach: int, outcome: str, answer: str
) -> None:
    found = struggle(learner(*[reach] * 5))
    assert (found.outcome, found.answer) == (outcome, answer)


def test_an_interval_that_begins_at_twenty_steps_does_not_tell() -> None:
    assert struggle(learner(20, 30, 30, 30, 30)).outcome == "not decided"
    assert struggle(learner(21, 30, 30, 30, 30)).outcome == "does not hold"


@pytest.mark.parametrize(
    ("spans", "answer"),
    [
        ((100,) * 5, "It learns every lag tried"),
        ((99,) * 5, "It still falls short"),
        ((99, 100, 100, 100, 100), None),
    ],
)
def test_every_lag_tried_is_learned_only_up_to_the_longest(
    spans: tuple[int, ...], answer: str | None
) -> None:
    assert clipping(learner(*spans), learner(*[10] * 5, clip=None)).answer == answer
