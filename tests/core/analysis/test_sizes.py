"""The sizes that stand beside a comparison: achieved, how far off, and what is no comparison."""

from __future__ import annotations

from typing import Any

import pytest

from core.analysis.groups import grouped
from core.analysis.runs import finished_run
from core.analysis.sizes import (
    Size,
    planned_sizes,
    size_of,
    size_of_run,
    sizes_in_words,
    sizes_of,
)
from core.experiment import Experiment
from core.experiments import all_experiments
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.parameter_count import PARAMETER_COUNT
from core.models.registry import usual_variants


def said(experiment: Experiment, names: list[str], **settings: list[Any]) -> str:
    configs = experiment.configs(names, settings)
    runs = [finished_run(f"{n}", experiment.name, c.flat()) for n, c in enumerate(configs)]
    words = sizes_in_words(experiment, sizes_of(experiment, grouped(experiment, runs)))
    assert words == sizes_in_words(experiment, planned_sizes(experiment, configs))
    return words


def test_at_equal_parameters_each_achieved_count_is_given_with_its_deviation() -> None:
    assert said(PARAMETER_COUNT, ["rnn", "lstm"], parameter_budget=[50_000]) == (
        "At 50,000 parameters (recurrent layers): RNN 193 → 49,987 (-0.03%), "
        "LSTM 84 → 50,400 (+0.80%)."
    )


def test_attentions_at_one_width_have_their_own_counts_and_at_a_budget_their_own_widths() -> None:
    kinds = ["none", "dot", "general", "additive"]
    words = said(LENGTH_QUALITY, ["lstm"], attention=kinds, seeds=[1])
    assert words == (
        "Parameters (whole model): LSTM 64 · no attention → 101,588, LSTM 64 · dot attention → "
        "101,588, LSTM 64 · general attention → 105,684, LSTM 64 · additive attention → 109,908."
    )
    words = said(LENGTH_QUALITY, ["lstm"], attention=kinds, seeds=[1], parameter_budget=[100_000])
    assert words == (
        "At 100,000 parameters (whole model): LSTM 63 · no attention → 99,641 (-0.36%), "
        "LSTM 63 · dot attention → 99,641 (-0.36%), LSTM 61 · general attention → 99,528 "
        "(-0.47%), LSTM 59 · additive attention → 99,133 (-0.87%)."
    )


def test_at_equal_state_bytes_and_parameters_are_given() -> None:
    assert said(PARAMETER_COUNT, ["rnn", "lstm"], state_budget=[512]) == (
        "At a state of 512 bytes (parameters: recurrent layers): RNN 128 → 512 bytes, 24,832 "
        "parameters (+0.00%); LSTM 64 → 512 bytes, 33,280 parameters (+0.00%)."
    )


def test_what_whole_hidden_sizes_cannot_make_equal_is_no_comparison_of_equals() -> None:
    words = said(PARAMETER_COUNT, ["rnn", "lstm"], parameter_budget=[400], input_size=[64])
    assert words == (
        "At 400 parameters (recurrent layers): RNN 6 → 432 (+8.00%), LSTM 1 → 268 (-33.00%). "
        "RNN 6 and LSTM 1 are more than 5% off the budget: no whole hidden size comes closer, so "
        "this is not a comparison of equals."
    )


def test_budgets_and_widths_in_one_comparison_are_said_apart() -> None:
    words = said(PARAMETER_COUNT, ["rnn"], parameter_budget=[None, 10_000, 20_000])
    assert [part.split(":")[0] for part in words.split(". ")] == [
        "Parameters (recurrent layers)",
        "At 10,000 parameters (recurrent layers)",
        "At 20,000 parameters (recurrent layers)",
    ]


def test_of_many_groups_the_range_is_given() -> None:
    words = said(GRADIENT_DECAY, list(usual_variants()), hidden_size=[8, 16, 32])
    assert words.startswith("Parameters (recurrent layers): 208 to ")
    assert words.endswith(" in 18 groups.")


@pytest.mark.parametrize("experiment", all_experiments(), ids=lambda e: e.name)
def test_a_run_has_the_size_of_its_config_also_when_it_is_older_than_some_settings(
    experiment: Experiment,
) -> None:
    for settings in ({}, {"parameter_budget": [60_000]}, {"state_budget": [400]}):
        for config in experiment.configs(["bi-lstm"], settings):
            flat = config.flat()
            assert size_of_run(experiment, flat) == size_of(config)
            older = {name: value for name, value in flat.items() if name != "nonlinearity"}
            assert size_of_run(experiment, {**older, "forgotten": 1}) == size_of(config)


def test_settings_that_somebody_spoilt_have_no_size() -> None:
    flat = PARAMETER_COUNT.config().flat()
    assert size_of_run(PARAMETER_COUNT, {**flat, "hidden_size": "wide"}) is None
    assert size_of_run(PARAMETER_COUNT, {**flat, "parameter_budget": "much"}) is None


def test_five_percent_is_where_equal_ends() -> None:
    sizes = [Size(1, count, 1, "parameter_budget", 100) for count in (95, 105, 94, 106)]
    assert [size.missed for size in sizes] == [False, False, True, True]
