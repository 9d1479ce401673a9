"""The numbers on a card: whose they are, and how sure."""

from __future__ import annotations

from typing import Any

import pandas

from core.experiment import Experiment
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.experiments.parameter_count import PARAMETER_COUNT
from core.experiments.throughput import THROUGHPUT
from dashboard.views import cards


def results(experiment: Experiment, *lines: dict[str, Any]) -> pandas.DataFrame:
    nothing = dict.fromkeys(experiment.summary.header())
    return pandas.DataFrame([{**nothing, **line} for line in lines])


def test_a_count_is_exact_and_says_whose_it_is() -> None:
    found = results(
        PARAMETER_COUNT,
        {"label": "RNN", "parameters": 8_320, "equation_activation_mib": 0.5},
        {"label": "LSTM", "parameters": 13_107_200, "equation_activation_mib": 0.7},
    )
    assert cards.headline(PARAMETER_COUNT, found) == [
        ("Most recurrent parameters", "13,107,200", "LSTM"),
        ("Fewest recurrent parameters", "8,320", "RNN"),
        ("Lowest activations kept by the equations", "0.500 MiB", "RNN"),
    ]


def estimate(name: str, value: float, low: float | None, high: float | None, n: int) -> Any:
    return {name: value, f"{name}_low": low, f"{name}_high": high, f"{name}_n": n}


def test_an_estimate_says_its_interval_or_of_how_many_there_is_none() -> None:
    for experiment, name, few in (
        (THROUGHPUT, "over_rnn", "n = 3"),
        (GRADIENT_DECAY, "decay_rate", "3 seeds"),
    ):
        found = results(
            experiment,
            {"label": "RNN", **estimate(name, 1.5, None, None, 3)},
            {"label": "LSTM", **estimate(name, 0.5, 0.25, 0.75, 9)},
        )
        said = [whose for _, _, whose in cards.headline(experiment, found)]
        assert said == [f"RNN, {few}: no interval", "LSTM, 0.250 to 0.750"]
