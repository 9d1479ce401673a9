"""Made-up runs of a paper's networks, by the name that its card gives them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas

from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.memory_span import MEMORY_SPAN
from core.papers import Paper
from core.stats.estimates import Estimate
from tests.core.made import Made, around, run


def settings_of(paper: Paper, name: str) -> dict[str, Any]:
    """The settings that distinguish a network of the card."""
    return {setting: values[0] for setting, values in paper.networks[name].settings.items()}


def learner(paper: Paper, name: str, *spans: int) -> Made:
    """A network whose seeds have these spans."""
    ordered = sorted(spans)
    ends = (ordered[0], ordered[-1]) if len(spans) > 1 else (None, None)
    return run(
        MEMORY_SPAN,
        paper.networks[name].variants[0],
        settings={**settings_of(paper, name), "seeds": len(spans)},
        span=Estimate(ordered[len(spans) // 2], *ends, len(spans)),
        span_by_seed=", ".join(map(str, spans)),
        next_lag=None,
    )


def copier(paper: Paper, name: str, *shares: float) -> Made:
    """A network whose seeds have these shares of the memoryless loss."""
    settings = settings_of(paper, name)
    lag, seeds = settings["longest_lag"], range(len(shares))
    attempts = pandas.DataFrame({"seed": seeds, "lag": lag, "loss": [0.5 * s for s in shares]})
    attempts = attempts.assign(learned=0, learning_rate=0.01, steps_to_learn=None)
    attempts = attempts.assign(half_life_start=2.0, half_life_end=4.0)
    return run(
        MEMORY_SPAN,
        paper.networks[name].variants[0],
        settings={**settings, "seeds": len(shares)},
        tables={
            "attempts": attempts,
            "lags": pandas.DataFrame({"lag": [lag], "baseline": [0.5]}),
        },
        span=Estimate(0, 0, 0, len(shares)),
    )


def translators(
    paper: Paper, name: str, ends: Sequence[tuple[float, float]], bleu: float = 20.0
) -> list[Made]:
    """A run for each seed, with token accuracies of short and of long sentences.

    Rows that no rule may read are far off: other lengths, decodings and lengths of references.
    """
    measurement = paper.networks[name]
    settings = settings_of(paper, name)
    runs = []
    for seed, (short, long) in enumerate(ends):
        middle = dict.fromkeys(range(8, 11), 1.0)
        accuracies = {4: short - 1, 7: short + 1, **middle, 11: long - 1, 14: long + 1}
        rows = [
            {"by": "source", "decoding": "free", "length": length, "token_accuracy": accuracy}
            for length, accuracy in accuracies.items()
        ]
        frame = pandas.DataFrame(rows).assign(seed=seed, sentences=60, trained=1)
        decoys = [
            frame.assign(token_accuracy=50.0, **other)
            for other in ({"by": "reference"}, {"decoding": "forced"}, {"trained": 0})
        ]
        empty = frame.assign(token_accuracy=float("nan"))
        runs.append(
            run(
                LENGTH_QUALITY,
                measurement.variants[0],
                settings={**settings, "seeds": 1, "seed": seed},
                tables={"lengths": pandas.concat([*decoys, empty, frame])},
                bleu=around(bleu + seed, 1.0, 60),
                within_accuracy=around((short + long) / 2, 1.0, 60),
            )
        )
    return runs
