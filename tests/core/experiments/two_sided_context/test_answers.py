"""One run in words, and what a comparison adds: gains everywhere, controls, and ties."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas

from core.analysis.sentences import answer
from core.experiments.two_sided_context import TWO_SIDED_CONTEXT
from core.experiments.two_sided_context.answers import MEASURES, matching_pairs, remarks
from core.experiments.two_sided_context.declaration import TwoSidedContextConfig
from core.stats.estimates import MISSING, Estimate, mean_estimate
from tests.core.made import Made, compared, run

NOISE = (-0.3, 0.0, 0.3)


def network(
    variant: str,
    ahead: tuple[float, ...],
    wider: float | None = None,
    delayed: float | None = None,
    present: float = 100.0,
    noise: tuple[float, ...] = NOISE,
    **settings: Any,
) -> Made:
    """A run with these accuracies by look-ahead, and of its controls, give or take some noise."""
    rows = []
    for seed, step in enumerate(noise):
        accuracies = {"itself": (present, *ahead)}
        accuracies |= {"wider": (0.0, wider)} if wider is not None else {}
        accuracies |= {"delayed": (0.0, delayed)} if delayed is not None else {}
        rows += [
            {"network": name, "look_ahead": place, "seed": seed, "accuracy": accuracy + step}
            for name, values in accuracies.items()
            for place, accuracy in enumerate(values)
            if place or name == "itself"
        ]
    context = pandas.DataFrame(rows)
    summary = {}
    for name, (which, statistic, needs) in MEASURES.items():
        chosen = context[(context["network"] == which) & ((context["look_ahead"] > 0) == needs)]
        values = chosen.groupby("seed")["accuracy"].agg(statistic).tolist()
        summary[name] = mean_estimate(values) if values else MISSING
    return run(
        TWO_SIDED_CONTEXT,
        variant,
        "",
        {"seeds": len(noise), "furthest": len(ahead), **settings},
        {"context": context},
        chance=25.0,
        wider_hidden_size=97,
        **summary,
    )


BOTH = network("bi-lstm", (80.0, 78.0))
ONE = network("lstm", (25.0, 25.2), wider=25.1, delayed=99.0)


def sentence(made: Made) -> str:
    flat = {name: made.columns[name] for name in TwoSidedContextConfig().flat()}
    return TWO_SIDED_CONTEXT.sentence(TwoSidedContextConfig.from_flat(flat), made.columns)


def said(*runs: Made) -> str:
    return " ".join(remarks(compared(*runs)))


def test_a_run_of_one_direction_guesses_and_says_what_would_help() -> None:
    assert sentence(ONE) == (
        "LSTM 64: 25.1% of tags right (95% CI 24.4–25.8, n = 3) where the token 1 to 2 steps ahead "
        "is needed, no better than chance (25%). With the same number of parameters as two "
        "directions (hidden size 97) it reaches 25.1%; if it may answer that many steps later, "
        "99.0%."
    )


def test_the_sizes_that_are_called_equal_are_named_where_they_were_recorded() -> None:
    wider = replace(ONE, columns={**ONE.columns, "wider_parameters": 36_436})
    both = replace(BOTH, columns={**BOTH.columns, "parameters": 36_356})
    words = said(both, wider)
    assert "same number of parameters (LSTM 36,436 against 36,356) reaches" in words
    assert "same number of parameters reaches" in said(BOTH, ONE), "an older run"


def test_a_run_of_both_directions_sees() -> None:
    words = sentence(BOTH)
    assert "bi-LSTM 64: 79.0% of tags right" in words
    assert words.endswith("chance is 25%. At the hardest look-ahead 78.0% are right.")
    assert "the token one step ahead" in sentence(network("bi-lstm", (80.0,)))


def test_an_interval_ends_at_what_is_possible() -> None:
    assert "–100, n = 3)" in sentence(network("bi-lstm", (99.9, 99.9)))


def test_seeds_that_diverged_are_left_out_and_said() -> None:
    words = sentence(network("bi-lstm", (80.0,), seeds=5))
    assert words.endswith("Left out: 2 seeds that diverged.")
    lost = run(TWO_SIDED_CONTEXT, "lstm", ahead_accuracy=MISSING, chance=25.0)
    assert sentence(lost) == "LSTM 64: no accuracy, because networks of every seed diverged."
    none = run(
        TWO_SIDED_CONTEXT,
        "lstm",
        "",
        {"furthest": 0},
        present_accuracy=Estimate(99.0, 98.0, 100.0, 3),
        chance=25.0,
    )
    assert "99.0% of tags right (95% CI 98–100, n = 3) where no later token" in sentence(none)


def test_a_gain_everywhere_and_both_controls_show_that_it_is_about_seeing() -> None:
    words = said(BOTH, ONE)
    assert "Chance is 25%." in words
    assert "The gain of bi-LSTM is significant at every look-ahead; at the hardest one" in words
    assert "What it lacks is the later tokens, not capacity." in words
    assert "If no later token is needed, one direction and two both reach 100%." in words
    assert "bi-LSTM differs significantly from LSTM" in answer(compared(BOTH, ONE))


def test_a_gain_at_some_look_aheads_only_is_not_one_everywhere() -> None:
    assert "every look-ahead" not in said(network("bi-lstm", (90.0, 25.0)), ONE)


def test_it_is_about_seeing_only_if_both_controls_say_so() -> None:
    capable = network("lstm", (25.0, 25.0), wider=79.0, delayed=99.0)
    assert "not capacity" not in said(BOTH, capable)
    deaf = network("lstm", (25.0, 25.0), wider=25.0, delayed=25.0)
    assert "not capacity" not in said(BOTH, deaf)


def test_a_difference_with_nothing_ahead_needed_is_no_tie() -> None:
    assert "tie" not in said(network("bi-lstm", (80.0,), present=90.0), network("lstm", (25.0,)))


def test_one_seed_claims_nothing() -> None:
    words = said(
        network("bi-lstm", (80.0,), noise=(0.0,)),
        network("lstm", (25.0,), wider=25.0, delayed=99.0, noise=(0.0,)),
    )
    assert "every look-ahead" not in words
    assert "not capacity" not in words


def test_without_the_other_form_nothing_is_claimed() -> None:
    assert said(ONE) == "There is no run with two directions to compare with."
    assert said(BOTH) == "There is no run with one direction to compare with."


def test_forms_are_paired_that_differ_in_their_directions_alone() -> None:
    other = network("lstm", (25.0,), tokens=8)
    assert matching_pairs(compared(network("bi-lstm", (80.0,)), other)) == []
    budget = {"parameter_budget": 20_000}
    pair = [network(variant, (50.0,), **budget) for variant in ("bi-lstm", "lstm")]
    assert len(matching_pairs(compared(*pair))) == 1
