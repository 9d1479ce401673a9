"""What `two-sided-context` says: every claim needs a difference larger than noise."""

from __future__ import annotations

from typing import Any

import pandas
import pytest

from core.experiments.two_sided_context import TWO_SIDED_CONTEXT, TwoSidedContextConfig
from core.statistics import MISSING, Estimate, mean_estimate

GUESS, SEE, ALL = (24.6, 25.0, 25.5), (97.8, 98.1, 98.4), (100.0, 100.0, 100.0)
SETTINGS = tuple(setting.name for setting in TWO_SIDED_CONTEXT.settings)
LOW, HIGH = (90.0, 91.0, 92.0), (26.1, 26.5, 27.2)


def run(variant: str, **changed: Any) -> dict[str, Any]:
    """Flat settings and summary of one run; accuracies are given seed by seed."""
    asked = {name: [value] for name, value in changed.items() if name in SETTINGS}
    (config,) = TWO_SIDED_CONTEXT.configs([variant], asked)
    both = variant.startswith("bi-")
    seen: dict[str, Any] = {
        "ahead_accuracy": SEE if both else GUESS,
        "lowest_accuracy": LOW if both else (23.0, 23.5, 24.0),
        "highest_accuracy": ALL if both else HIGH,
        "present_accuracy": ALL,
        "wider_accuracy": () if both else GUESS,
        "wider_highest_accuracy": () if both else HIGH,
        "delayed_accuracy": () if both else (99.8, 99.9, 100.0),
    }
    summary: dict[str, Any] = {"chance": 25.0, "wider_hidden_size": None if both else 92}
    for name, values in {**seen, **changed}.items():
        if name in seen:
            estimate = mean_estimate(values) if values else MISSING
            for part, end in zip(("", "_low", "_high", "_n"), flat(estimate), strict=True):
                summary[f"{name}{part}"] = end
        elif name not in asked:
            summary[name] = values
    return {**config.flat(), **summary, "label": config.architecture.label}


def flat(estimate: Estimate) -> tuple[Any, ...]:
    return estimate.value, estimate.low, estimate.high, estimate.n


def answer(*runs: dict[str, Any]) -> str:
    return TWO_SIDED_CONTEXT.answer(pandas.DataFrame(list(runs)))


def sentence(made: dict[str, Any]) -> str:
    config = TwoSidedContextConfig.from_flat({name: made[name] for name in SETTINGS})
    return TWO_SIDED_CONTEXT.sentence(config, made)


SIX = [f"{directions}{cell}" for directions in ("", "bi-") for cell in ("rnn", "lstm", "gru")]


def test_nothing_measured_is_said() -> None:
    assert answer() == "Nothing has been measured yet."


def test_a_run_of_one_direction_guesses_and_says_what_would_help() -> None:
    assert sentence(run("lstm")) == (
        "LSTM 64: 25.0% of tags right (95% interval 23.9 to 26.2, 3 seeds) where the token 1 to 10 "
        "steps ahead is needed, no better than chance (25%). With as many parameters as both "
        "directions (hidden size 92) it gets 25.0%, when it may answer so many steps later 99.9%."
    )


def test_a_run_of_both_directions_sees() -> None:
    assert sentence(run("bi-lstm")) == (
        "bi-LSTM 64: 98.1% of tags right (95% interval 97.4 to 98.8, 3 seeds) where the token 1 to "
        "10 steps ahead is needed; chance is 25%. At the hardest look-ahead 91.0% are right."
    )


def test_one_step_is_one_step_and_none_is_none() -> None:
    assert "where the token one step ahead is needed" in sentence(run("rnn", furthest=1))
    nothing = run("bi-rnn", furthest=0, ahead_accuracy=(), chance=100.0)
    right = "100% of tags right (95% interval 100 to 100, 3 seeds)"
    assert sentence(nothing) == f"bi-RNN 64: {right} with nothing ahead needed."
    assert answer(nothing, run("rnn", furthest=0, ahead_accuracy=())).count("nothing ahead") == 2


def test_an_interval_ends_at_what_is_possible() -> None:
    assert "95% interval 96.5 to 100, 3 seeds" in sentence(
        run("bi-gru", ahead_accuracy=[98, 99, 100])
    )


def test_seeds_that_diverged_are_left_out_and_said() -> None:
    said = sentence(run("bi-rnn", ahead_accuracy=SEE[:2]))
    assert said.endswith("Left out: 1 seed that diverged.")
    lost = sentence(run("bi-rnn", ahead_accuracy=(), present_accuracy=()))
    assert lost == "bi-RNN 64: no accuracy, because networks of every seed diverged."


def test_all_six_are_told_together() -> None:
    assert answer(*map(run, SIX)) == (
        "Where the token 1 to 10 steps ahead is needed, both directions tag 98.1% right, one "
        "direction 25.0%, no better than chance (25%). The gain is larger than noise at every "
        "look-ahead, at the hardest 91.0% are right. With nothing ahead needed both tie, at 100%. "
        "With as many parameters as both, one direction gets 25.0%, and when it may answer so many "
        "steps later 99.9%: it is about seeing, not capacity. bi-RNN 64 98.1% (95% interval 97.4 "
        "to 98.8, 3 seeds), bi-LSTM 64 98.1% (97.4 to 98.8), bi-GRU 64 98.1% (97.4 to 98.8); every "
        "95% interval of one direction lies within 23.9 to 26.2."
    )


def test_one_pair_is_told_by_name() -> None:
    said = answer(run("gru"), run("bi-gru"))
    assert said.startswith(
        "Where the token 1 to 10 steps ahead is needed, bi-GRU 64 tags 98.1% right, GRU 64 25.0%, "
        "no better than chance (25%). The gain is larger than noise at every look-ahead"
    )
    assert said.endswith(
        "bi-GRU 64 98.1% (95% interval 97.4 to 98.8, 3 seeds); "
        "GRU 64 25.0% (95% interval 23.9 to 26.2, 3 seeds)."
    )


@pytest.mark.parametrize("variant", ["rnn", "bi-rnn"])
def test_one_run_alone_is_told_as_itself(variant: str) -> None:
    assert answer(run(variant)) == sentence(run(variant))


def test_without_the_other_form_nothing_is_claimed() -> None:
    one = answer(run("rnn"), run("lstm"))
    assert "one direction tags 25.0% right, no better than chance (25%)." in one
    assert one.endswith("Nothing that reads in both directions is beside them.")
    both = answer(run("bi-rnn"), run("bi-lstm"))
    assert "both directions tag 98.1% right; chance is 25%." in both
    assert both.endswith("Nothing that reads in one direction is beside them.")
    crossed = answer(run("rnn"), run("bi-gru"))
    for said in (one, both, crossed):
        assert "gain" not in said
        assert "about seeing" not in said


def test_a_gain_on_average_only_is_not_one_everywhere() -> None:
    said = answer(
        run("rnn"), run("bi-rnn"), run("gru"), run("bi-gru", lowest_accuracy=(25, 26, 30))
    )
    assert "The gain of bi-RNN 64 is larger than noise at every look-ahead" in said
    assert "The gain of bi-GRU 64 is larger than noise on average, not at every look-ahead." in said
    assert "it is about seeing" in said


def test_no_gain_is_no_gain() -> None:
    blind = {"lowest_accuracy": (22, 23, 24), "ahead_accuracy": (24.8, 25.1, 25.2)}
    said = answer(run("rnn"), run("bi-rnn", **blind))
    assert "bi-RNN 64 is not distinguishable from one direction." in said
    assert "about seeing" not in said
    worse = answer(run("rnn", ahead_accuracy=(50, 51, 52)), run("bi-rnn", **blind))
    assert "bi-RNN 64 is worse than one direction by more than noise." in worse
    assert "no better than chance" not in worse


def test_two_seeds_that_differ_widely_are_noise() -> None:
    """Welch's test with one degree of freedom on a side: 40 points may be luck."""
    said = answer(
        run("rnn", highest_accuracy=(26, 27), ahead_accuracy=(25, 26)),
        run("bi-rnn", lowest_accuracy=(40, 90), ahead_accuracy=(45, 95)),
    )
    assert "larger than noise" not in said
    assert "not distinguishable" in said


def test_one_seed_tells_nothing_from_noise() -> None:
    single = {
        name: (value,)
        for name, value in (
            ("ahead_accuracy", 98.0),
            ("lowest_accuracy", 90.0),
            ("highest_accuracy", 100.0),
            ("present_accuracy", 100.0),
        )
    }
    said = answer(run("rnn", seeds=1), run("bi-rnn", seeds=1, **single))
    assert "One seed cannot tell such a difference from noise." in said
    assert "bi-RNN 64 98.0% (one seed: no interval)" in said
    for claim in ("larger than noise", "about seeing", "tie"):
        assert claim not in said


def test_it_is_about_seeing_only_if_both_controls_say_so() -> None:
    wide = answer(run("rnn", wider_accuracy=SEE, wider_highest_accuracy=ALL), run("bi-rnn"))
    late = answer(run("rnn", delayed_accuracy=GUESS), run("bi-rnn"))
    for said in (wide, late):
        assert "The gain is larger than noise at every look-ahead" in said
        assert "With as many parameters as both, one direction gets" in said
        assert "about seeing" not in said


def test_a_difference_with_nothing_ahead_needed_is_no_tie() -> None:
    said = answer(run("rnn", present_accuracy=(90.0, 90.1, 90.2)), run("bi-rnn"))
    assert "tie" not in said


def test_runs_are_paired_with_what_differs_in_directions_alone() -> None:
    four = [run(variant, tokens=tokens) for variant in ("rnn", "bi-rnn") for tokens in (4, 8)]
    four[1]["chance"] = four[3]["chance"] = 12.5
    said = answer(*four)
    assert "no better than chance (25% or 12.5%)" in said or "chance is 25% or 12.5%" in said
    assert "bi-RNN 64 · tokens 8 98.1%" in said
    assert "The gain is larger than noise at every look-ahead" in said
    odd = answer(four[0], four[3])
    assert "gain" not in odd


def test_at_a_parameter_budget_forms_of_different_widths_are_a_pair() -> None:
    both, one = run("bi-gru", parameter_budget=9000), run("gru", parameter_budget=9000)
    assert both["hidden_size"] != one["hidden_size"]
    assert "The gain is larger than noise" in answer(one, both)


def test_different_reaches_are_not_given_one_number() -> None:
    said = answer(run("rnn", furthest=5), run("bi-rnn", furthest=8))
    assert said.startswith("Where a token ahead is needed, ")


def test_of_many_networks_the_ends_are_told() -> None:
    sizes = range(10, 60, 10)
    runs = [
        run("bi-gru", hidden_size=size, ahead_accuracy=(size + 30.0, size + 31.0, size + 32.0))
        for size in sizes
    ]
    said = answer(*runs)
    assert "bi-GRU 10 41.0%" in said
    assert "bi-GRU 50 81.0%" in said
    assert "bi-GRU 30" not in said
