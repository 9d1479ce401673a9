"""One run in words, and what a comparison adds to who follows the state furthest."""

from __future__ import annotations

from typing import Any

import pandas

from core.analysis.sentences import answer
from core.experiments.state_tracking import STATE_TRACKING
from core.experiments.state_tracking.answers import by_seed, remarks
from core.experiments.state_tracking.declaration import StateTrackingConfig
from core.stats.aggregation import MAJORITY
from core.stats.estimates import MISSING, Estimate
from tests.core.made import Made, compared, run


def follower(*reaches: int, variant: str = "gru", chance: str = "", **settings: Any) -> Made:
    """A run whose seeds have these reaches."""
    seeds = pandas.DataFrame(
        {"seed": range(len(reaches)), "reach": reaches, "within_accuracy": 99.0}
        | {"beyond_accuracy": 90.0}
    )
    return run(
        STATE_TRACKING,
        variant,
        "",
        {"seeds": len(reaches), **settings},
        tables={"seeds": seeds},
        reach=MAJORITY.estimate([float(one) for one in reaches]),
        reach_by_seed=", ".join(map(str, reaches)),
        beyond_accuracy=Estimate(90.0, 88.0, 92.0, len(reaches)),
        without_memory=50.0,
        chance_by_seed=chance or ", ".join("never" for _ in reaches),
        diverged="",
    )


GRU = follower(256, 256, 256, 256, 256)
MIN_GRU = follower(4, 5, 6, 4, 5, variant="min-gru", chance="9, 12, never, 8, 10")


def sentence(made: Made) -> str:
    flat = {name: made.columns[name] for name in StateTrackingConfig().flat()}
    return STATE_TRACKING.sentence(StateTrackingConfig.from_flat(flat), made.columns)


def said(*made: Made) -> str:
    return " ".join(remarks(compared(*made)))


def test_a_run_says_how_far_it_follows_and_what_is_left_beyond_its_training() -> None:
    assert sentence(GRU) == (
        "GRU 64, parity: right up to token 256, the last one tested (seeds: 256, 256, 256, 256, "
        "256), trained on up to 40 tokens. Beyond these 90.0% of the answers are right, and 50.0% "
        "without memory."
    )
    assert "right up to token 5 (seeds: 4, 5, 6, 4, 5)" in sentence(MIN_GRU)
    assert "right at no token" in sentence(follower(0, 0, 0))


def test_what_diverged_has_no_accuracy() -> None:
    lost = run(STATE_TRACKING, reach=MISSING, diverged="seed 0")
    assert sentence(lost).endswith(": no accuracy, because training of every seed diverged.")
    assert "In RNN training diverged, and is left out: seed 0." in said(lost, GRU)


def test_a_comparison_names_who_goes_on_beyond_its_training_and_who_is_at_chance() -> None:
    words = said(GRU, MIN_GRU)
    assert "The state is whether the ones so far are odd." in words
    assert "Beyond the 40 tokens of training it is followed by GRU." in words
    assert "No better than without memory: minGRU from tokens 8 to 12 on in 4 of 5 seeds." in words
    assert "None follows it beyond the 40 tokens of training." in said(MIN_GRU)
    five = said(follower(256, 256, task="counting", modulus=7))
    assert "how many ones came so far, modulo 7" in five


def test_the_one_that_follows_furthest_is_named_with_its_bound() -> None:
    words = answer(compared(GRU, MIN_GRU))
    assert words.startswith("GRU follows the state furthest: reach ≥ 256 tokens")


def test_values_of_single_seeds_leave_out_what_diverged() -> None:
    table = pandas.DataFrame(
        {
            "seed": [0, 1],
            "reach": [7.0, float("nan")],
            "within_accuracy": [99.0, float("nan")],
            "beyond_accuracy": [float("nan")] * 2,
        }
    )
    values = by_seed({}, {"seeds": table}.get)
    assert values == {"reach": {0: 7.0}, "within_accuracy": {0: 99.0}, "beyond_accuracy": {}}
    assert by_seed({}, lambda name: None) == {}
