"""Claims 16 to 22: why attention won, and what came back."""

from __future__ import annotations

import math
from typing import Any

import pandas
import pytest

from core.chapter.claim import Claim, Verdict
from core.chapter.successors import (
    AT_ONCE,
    ATTENTION_GRADIENT,
    ATTENTION_SQUARES,
    BESIDE_ATTENTION,
    FOLLOWED,
    GRADIENTS,
    LINEAR_GRADIENT,
    LONGEST,
    MIN_GRU,
    MIN_SPANS,
    PAIRS_APART,
    RECALLED,
    STATE_FOLLOWED,
    exponents_by_length,
    kept_per_step,
)
from core.stats.estimates import Estimate
from tests.core.made import Made, around, results, run

ON = "on CPU (chip)"


def judge(claim: Claim, *runs: Made) -> tuple[Verdict, dict[str, bool | None]]:
    found = claim.verdict(results(*runs))
    return found, {part.statement: part.truth for part in found.parts}


def timed(
    cell: str, *, attention: float = 2.0, own: float = 1.0, n: int = 3, **more: Any
) -> list[Made]:
    """Launches that differ by 1%, of these exponents."""
    over = more.pop("over_attention", {64: 5.0, LONGEST: 0.5})
    made = []
    for launch in range(n):
        factor = 1.01 ** (launch - (n - 1) / 2)
        common = {"baseline": "attention", "mode": "training"}
        rows = [
            {**common, "subject": subject, "sequence_length": length, "times_as_fast": speed}
            for length, times in over.items()
            for subject, speed in (("equations", 9.0), ("fused", 1 / (times * factor)))
        ]
        growth = [
            {"subject": subject, "sequence_length": LONGEST, "local_exponent": exponent * factor}
            for subject, exponent in (("fused", own), ("attention", attention))
        ]
        made.append(
            run(
                BESIDE_ATTENTION.experiment,
                cell,
                settings={
                    **{name: values[0] for name, values in BESIDE_ATTENTION.settings.items()},
                    "seed": launch,
                },
                tables={"ratios": pandas.DataFrame(rows), "growth": pandas.DataFrame(growth)},
                attention_exponent=around(attention * factor),
                local_exponent=around(own * factor),
                over_rnn=around(more.get("over_rnn", 3.0) * factor),
                equations_over_fused=around(more.get("steps", 10.0) * factor),
                device="cpu",
                chip="chip",
            )
        )
    return made


def test_attention_grows_as_the_square_and_a_recurrence_as_the_length() -> None:
    found, parts = judge(ATTENTION_SQUARES, *timed("gru"))
    assert (found.outcome, found.measured) == ("holds", "T²·⁰⁰")
    assert found.answer == "It is about four times as long"
    assert parts == {
        f"attention's time grows about as T² {ON}": True,
        f"a GRU's grows about as T {ON}": True,
    }


@pytest.mark.parametrize(
    ("attention", "own", "outcome"),
    [(1.5, 1.0, "partly"), (1.5, 1.5, "does not hold"), (1.76, 1.0, "not decided")],
)
def test_attention_does_not_square_where_its_exponent_is_less(
    attention: float, own: float, outcome: str
) -> None:
    found, _ = judge(ATTENTION_SQUARES, *timed("gru", attention=attention, own=own))
    assert found.outcome == outcome


def test_one_launch_decides_nothing_of_times() -> None:
    for claim in (ATTENTION_SQUARES, AT_ONCE):
        found, _ = judge(claim, *timed("gru", n=1))
        assert (found.outcome, found.answer) == ("not decided", None)


def test_exponents_are_of_each_length_over_launches() -> None:
    known = results(*timed("gru"))
    exponents = exponents_by_length(known, known.of(BESIDE_ATTENTION)[0])
    assert exponents.keys() == {"fused", "attention"}
    value = exponents["attention"][LONGEST]
    assert value.value == pytest.approx(2.0, rel=1e-3)
    assert value.n == 3


def test_attention_is_faster_up_to_some_length() -> None:
    found, parts = judge(AT_ONCE, *timed("gru"), *timed("min-gru", over_rnn=0.2))
    assert (found.outcome, found.answer) == ("partly", "Up to some length")
    assert parts == {
        f"attention trains faster than a GRU at every length {ON}": False,
        f"a minGRU's scan trains faster than a GRU {ON}": True,
    }
    assert "5.00 times attention's at T = 64 and 0.500 times" in found.figure
    assert "Step by step, in Python, a minGRU takes 10.0 times as long" in found.figure


@pytest.mark.parametrize(
    ("over", "outcome", "answer"),
    [
        ({64: 5.0, LONGEST: 2.0}, "holds", "At every length"),
        ({64: 0.5, LONGEST: 0.2}, "does not hold", "At no length"),
        ({64: 0.5, LONGEST: 2.0}, "does not hold", None),
        ({64: 5.0, 128: 1.001, LONGEST: 2.0}, "not decided", None),
    ],
)
def test_where_attention_is_faster(
    over: dict[int, float], outcome: str, answer: str | None
) -> None:
    found, _ = judge(AT_ONCE, *timed("gru", over_attention=over))
    assert (found.outcome, found.answer) == (outcome, answer)


def faded(variant: str, kept: float, seeds: int = 8) -> Made:
    """Seeds that differ by 0.1%, whose gradient is multiplied by this with each step back."""
    rows = [
        {
            "layer": 1,
            "side": "past",
            "training_step": 0,
            "seed": seed,
            "steps_back": k,
            "log10_input_gradient": k * math.log10(kept * 1.001 ** (seed - 3.5)),
            "log10_state_gradient": 0.0,
            **dict.fromkeys(("input_zeros", "state_zeros", "overflows"), 0),
        }
        for seed in range(seeds)
        for k in (0, 10, 60)
    ]
    later = {"side": "future", "seed": 0, "steps_back": 60, "log10_input_gradient": 9.0}
    return run(
        GRADIENTS.experiment,
        variant,
        "chapter",
        {name: values[0] for name, values in GRADIENTS.settings.items()},
        {"gradient": pandas.DataFrame([*rows, {**rows[0], **later}])},
        percent_distance_steps=around(0.9),
    )


def test_what_is_kept_is_the_factor_of_a_step() -> None:
    known = results(faded("lru", 0.97))
    kept = kept_per_step(known, known.of(GRADIENTS)[0])
    assert kept == pytest.approx([0.97 * 1.001 ** (seed - 3.5) for seed in range(8)])


def test_a_gradient_that_stays_does_not_fade() -> None:
    found, _ = judge(ATTENTION_GRADIENT, faded("transformer", 1.0), faded("rnn", 0.5))
    assert (found.outcome, found.answer) == ("holds", "It does not fade with distance")
    assert found.measured == "1.00 a step"
    assert "after 2 steps, and then it stays" in found.figure
    assert "0.500 in the RNN (95% CI 0.499–0.501, n = 8)" in found.figure


@pytest.mark.parametrize(
    ("kept", "seeds", "outcome"),
    [(0.95, 8, "does not hold"), (0.9863, 8, "not decided"), (1.0, 1, "not decided")],
)
def test_half_must_be_left_after_fifty_steps(kept: float, seeds: int, outcome: str) -> None:
    found, _ = judge(
        ATTENTION_GRADIENT, faded("transformer", kept, seeds), faded("rnn", 0.5, seeds)
    )
    assert found.outcome == outcome
    assert "then it stays" not in found.figure


def test_linear_recurrences_keep_it_where_it_is_halved_in_twice_as_many_steps() -> None:
    # The plain RNN's square root is 0.707: half-lives of 2 steps, and 1 of its own.
    runs = [faded("rnn", 0.5), faded("lru", 0.97), faded("s6", 0.72), faded("min-gru", 0.69)]
    found, parts = judge(LINEAR_GRADIENT, *runs, faded("gru", 0.6))
    assert (found.outcome, found.answer) == ("partly", "In some of them")
    assert parts == {
        "it lasts longer in the LRU": True,
        "it lasts longer in the S6 (Mamba)": True,
        "it lasts longer in the minGRU": False,
    }
    assert found.measured == "0.970 a step"
    assert judge(LINEAR_GRADIENT, *runs[:3])[0].outcome == "not measured yet"


def learner(variant: str, *spans: int) -> Made:
    middle = sorted(spans)[len(spans) // 2]
    return run(
        MIN_SPANS.experiment,
        variant,
        settings={"hidden_size": 32, "seeds": len(spans)},
        span=Estimate(middle, None, None, len(spans)),
        span_by_seed=", ".join(map(str, spans)),
    )


@pytest.mark.parametrize(
    ("spans", "speed", "outcome", "answer"),
    [
        ((10, 10, 10, 15, 10, 10), 0.2, "holds", "As far or less"),
        ((50, 50, 70, 50, 50, 50), 0.2, "partly", "Further than the GRU"),
        ((10, 10, 10, 15, 10, 10), 9.0, "partly", "As far or less"),
        ((20, 20, 30, 20, 20, 15), 0.2, "not decided", None),
    ],
)
def test_a_min_gru_is_faster_and_remembers_less(
    spans: tuple[int, ...], speed: float, outcome: str, answer: str | None
) -> None:
    timings = [*timed("gru", over_rnn=3.0), *timed("min-gru", over_rnn=speed)]
    found, _ = judge(
        MIN_GRU, *timings, learner("gru", 20, 20, 20, 20, 30, 30), learner("min-gru", *spans)
    )
    assert (found.outcome, found.answer) == (outcome, answer)


def test_both_halves_of_the_min_grus_claim_are_needed() -> None:
    found, _ = judge(MIN_GRU, learner("gru", 20), learner("min-gru", 10))
    assert found.sentence == ("Not measured yet. Missing: training times of a GRU and a minGRU.")


def follower(variant: str, *reaches: int) -> Made:
    seeds = {"seed": range(len(reaches)), "reach": reaches, "within_accuracy": 99.0}
    return run(
        FOLLOWED.experiment,
        variant,
        settings={"learning_rate": 0.01, "seeds": len(reaches)},
        tables={"seeds": pandas.DataFrame({**seeds, "beyond_accuracy": 50.0})},
        reach=Estimate(sorted(reaches)[len(reaches) // 2], None, None, len(reaches)),
    )


FAR, NEAR = (256, 2, 200, 256, 3, 81), (40, 38, 40, 80, 39, 1)


def test_what_feeds_its_state_back_can_follow_it_and_the_others_do_not() -> None:
    cells = dict.fromkeys(("rnn", "lstm", "gru"), FAR) | {"min-gru": NEAR, "transformer": NEAR}
    found, _ = judge(STATE_FOLLOWED, *(follower(cell, *r) for cell, r in cells.items()))
    assert (found.outcome, found.answer) == ("holds", "The GRU alone")
    assert (found.measured, found.spread) == ("0 of 6 seeds", "GRU: 4 of 6 seeds")
    wrong = cells | {"rnn": NEAR, "transformer": FAR}
    found, parts = judge(STATE_FOLLOWED, *(follower(cell, *r) for cell, r in wrong.items()))
    assert (found.outcome, found.answer) == ("partly", "Both")
    assert [part for part, truth in parts.items() if not truth] == [
        "the RNN can",
        "the Transformer does not",
    ]


def test_few_seeds_that_do_not_follow_it_do_not_tell() -> None:
    cells = dict.fromkeys(("rnn", "lstm", "min-gru", "transformer"), FAR)
    runs = [follower(cell, *reaches) for cell, reaches in cells.items()]
    found, parts = judge(STATE_FOLLOWED, *runs, follower("gru", *NEAR[:5]))
    assert parts["the GRU can"] is None
    assert found.answer is None
    assert judge(STATE_FOLLOWED, *runs)[0].figure == "Missing: state tracking of GRU."


def keeper(variant: str, *pairs: int, carried: int = 64) -> Made:
    seeds = {"seed": range(len(pairs)), "pairs": pairs, "accuracy": 50.0, "most_accuracy": 50.0}
    return run(
        RECALLED.experiment,
        variant,
        settings={**{name: v[0] for name, v in RECALLED.settings.items()}, "seeds": len(pairs)},
        tables={"seeds": pandas.DataFrame(seeds)},
        pairs=Estimate(sorted(pairs)[len(pairs) // 2], None, None, len(pairs)),
        carried=carried,
    )


def test_attention_keeps_more_apart_than_each_recurrence() -> None:
    few = [keeper(cell, 0, 2, 2, 2, 0, 2) for cell in ("rnn", "lstm", "gru", "min-gru")]
    found, _ = judge(PAIRS_APART, *few, keeper("transformer", *[8] * 6, carried=16_512))
    assert (found.outcome, found.answer) == ("holds", "The transformer")
    assert found.measured == "≥ 8 pairs"
    assert "2 with 64 numbers of state in RNN 64" in found.figure
    assert "16,512 numbers of state in Transformer 64" in found.figure
    found, parts = judge(
        PAIRS_APART, *few[1:], keeper("rnn", *[8] * 6), keeper("transformer", *[2] * 6)
    )
    assert parts["more than the RNN"] is False
    assert parts["more than the LSTM"] is None
    assert found.answer == "A recurrence"
    assert judge(PAIRS_APART, *few)[0].figure == "Missing: recall of Transformer."
