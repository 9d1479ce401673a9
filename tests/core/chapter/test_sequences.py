"""Claims 12 and 13: from runs of two-sided-context and length-quality."""

from __future__ import annotations

from typing import Any

from core.chapter.claim import Verdict
from core.chapter.sequences import ATTENTION_REPAIRS, SIDES
from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.two_sided_context import TWO_SIDED_CONTEXT
from core.stats.aggregation import MEDIAN
from core.stats.estimates import Estimate
from tests.core.made import Made, around, results, run

REFUSED = {"widths": [64, 128], "refusal": "decoder is bi-RNN; choose rnn, lstm, gru"}


def pair(cell: str, both: float, one: float, n: int = 3) -> list[Made]:
    settings = {"seeds": n}
    return [
        run(TWO_SIDED_CONTEXT, cell, settings=settings, wider_accuracy=around(one, 1.0, n)),
        run(TWO_SIDED_CONTEXT, f"bi-{cell}", settings=settings, ahead_accuracy=around(both, 1, n)),
    ]


def sides(*runs: Made, facts: Any = REFUSED) -> Verdict:
    return SIDES.verdict(results(*runs, computed={} if facts is None else {12: facts}))


def test_two_directions_hold_where_they_see_more_and_are_refused_as_decoders() -> None:
    found = sides(*pair("rnn", 95.0, 25.0), *pair("lstm", 99.0, 25.0))
    assert (found.outcome, found.answer) == ("holds", "It cannot be built")
    assert "95.0% (n = 3, no interval) in bi-RNN 64" in found.figure
    assert "128 numbers against 64" in found.figure
    assert len(found.evidence) == 4


def test_a_cell_that_does_not_see_more_is_left_out() -> None:
    found = sides(*pair("rnn", 95.0, 25.0), *pair("lstm", 20.0, 25.0))
    assert found.outcome == "partly"
    truths = {part.statement: part.truth for part in found.parts}
    assert truths["a bidirectional RNN sees both sides"] is True
    assert truths["a bidirectional LSTM sees both sides"] is False


def test_two_directions_do_not_hold_where_nothing_is_as_claimed() -> None:
    allowed = {"widths": [64, 64], "refusal": ""}
    found = sides(*pair("rnn", 20.0, 25.0), facts=allowed)
    assert (found.outcome, found.answer) == ("does not hold", "It generates token by token")


def test_one_seed_does_not_tell_what_two_directions_see() -> None:
    assert sides(*pair("rnn", 95.0, 25.0, n=1)).outcome == "not decided"


def test_runs_and_the_refusal_are_both_needed() -> None:
    assert sides(*pair("rnn", 95.0, 25.0), facts=None).outcome == "not measured yet"
    assert sides(pair("rnn", 95.0, 25.0)[0]).outcome == "not measured yet"
    assert sides().answer == "It cannot be built"


def translators(attention: str, *lengths: float) -> list[Made]:
    return [
        run(
            LENGTH_QUALITY,
            "lstm",
            settings={"attention": attention, "seeds": 1, "seed": seed},
            bottleneck=Estimate(length, None, None, 1),
            tested_up_to=28.0,
            parameters=70_000,
        )
        for seed, length in enumerate(lengths)
    ]


FALLS = translators("none", 13.0, 12.9, 13.1, 12.8, 13.2)


def attention(*runs: Made) -> Verdict:
    return ATTENTION_REPAIRS.verdict(results(*runs))


def test_attention_holds_where_quality_stays_up_with_it() -> None:
    found = attention(*FALLS, *translators("dot", 28.0, 28.0, 27.9, 28.0, 28.0))
    assert (found.outcome, found.answer) == ("holds", 13.0)
    assert "above a blind guess at 13 words (95% CI 12.8–13.2, n = 5)" in found.figure
    assert "with attention at ≥ 28 words (95% CI ≥ 27.9, n = 5)" in found.figure
    assert len(found.evidence) == 10


def test_attention_only_moves_the_fall_where_quality_falls_with_it_too() -> None:
    found = attention(*FALLS, *translators("dot", 22.0, 21.0, 23.0, 22.0, 21.5))
    assert found.outcome == "partly"
    assert [part.truth for part in found.parts] == [True, True, False]
    assert found.measured == "13 words"


def test_attention_does_not_hold_where_nothing_falls_or_it_makes_it_worse() -> None:
    never = translators("none", 28.0, 28.0, 28.0, 28.0, 28.0)
    found = attention(*never, *translators("dot", 9.0, 10.0, 11.0, 10.0, 10.5))
    assert found.outcome == "does not hold"


def test_one_seed_and_lengths_that_overlap_do_not_tell() -> None:
    one = [*translators("none", 13.0), *translators("dot", 28.0)]
    assert attention(*one).outcome == "not decided"
    three = [*FALLS[:3], *translators("dot", 28.0, 28.0, 28.0)]
    assert attention(*three).outcome == "not decided", "ranks of 3 against 3: p = .1"
    vague = attention(*FALLS, *translators("dot", 28.0, 28.0, 28.0, 9.0, 12.0))
    assert vague.parts[1].truth is None


def test_the_measurement_has_enough_seeds_for_a_verdict_by_ranks() -> None:
    (measured,) = ATTENTION_REPAIRS.measurements
    assert MEDIAN.seeds_needed(1, 0.05) <= len(measured.configs()) // 2


def test_runs_older_than_the_measure_leave_the_claim_unmeasured() -> None:
    older = [
        run(
            LENGTH_QUALITY,
            "lstm",
            settings={"attention": attention, "seeds": 1},
            bottleneck_length=Estimate(13.0, 12.0, 14.0, 1500),
            parameters=70_000,
        )
        for attention in ("none", "dot")
    ]
    assert attention(*older).outcome == "not measured yet"


def test_both_models_are_needed() -> None:
    assert attention(*FALLS).outcome == "not measured yet"
