"""One run in words, and what a comparison adds to who keeps most pairs apart."""

from __future__ import annotations

from typing import Any

import pandas

from core.analysis.sentences import answer
from core.experiments.recall import RECALL
from core.experiments.recall.answers import by_seed, learned, remarks
from core.experiments.recall.declaration import RecallConfig
from core.stats.aggregation import MAJORITY
from core.stats.estimates import MISSING, Estimate
from tests.core.made import Made, compared, run


def keeper(*pairs: int, variant: str = "lstm", accuracy: float = 80.0, **settings: Any) -> Made:
    """A run whose seeds keep so many pairs apart."""
    seeds = pandas.DataFrame(
        {"seed": range(len(pairs)), "pairs": pairs, "accuracy": accuracy, "most_accuracy": 60.0}
    )
    (config,) = RECALL.configs((variant,), {})
    return run(
        RECALL,
        variant,
        "",
        {"seeds": len(pairs), **settings},
        tables={"seeds": seeds},
        pairs=MAJORITY.estimate([float(one) for one in pairs]),
        pairs_by_seed=", ".join(map(str, pairs)),
        accuracy=Estimate(accuracy, None, None, len(pairs)),
        most_accuracy=Estimate(60.0, 55.0, 65.0, len(pairs)),
        values_alone=29.2,
        without_memory=100 / 9,
        carried=config.carried,
        diverged="",
    )


LSTM = keeper(4, 4, 4, 2, 4)
RNN = keeper(0, 0, 0, 0, 0, variant="rnn", accuracy=31.0)
GRU = keeper(2, 2, 2, 2, 2, variant="gru")
TRANSFORMER = keeper(8, 8, 8, 8, 8, variant="transformer", accuracy=100.0)


def sentence(made: Made) -> str:
    flat = {name: made.columns[name] for name in RecallConfig().flat()}
    return RECALL.sentence(RecallConfig.from_flat(flat), made.columns)


def said(*made: Made) -> str:
    return " ".join(remarks(compared(*made)))


def test_a_run_says_how_many_pairs_it_keeps_apart_and_with_how_much_state() -> None:
    assert sentence(LSTM) == (
        "LSTM 64, with 128 numbers of state: keeps 4 pairs apart (seeds: 4, 4, 4, 2, 4), in "
        "sequences of 32 tokens. Over all numbers of pairs 80.0% of the queries are right, and "
        "29.2% with the values alone."
    )
    assert "keeps 8 pairs apart, the most tried (seeds" in sentence(TRANSFORMER)
    assert "keeps no pairs apart (seeds" in sentence(RNN)


def test_a_comparison_tells_the_pairs_by_the_numbers_of_state() -> None:
    words = said(LSTM, RNN, GRU, TRANSFORMER)
    assert words.startswith(
        "With 64 numbers of state RNN keeps 0 pairs apart and GRU 2; with 128 LSTM 4; with 16,512 "
        "Transformer ≥ 8."
    )
    assert "To know the set of values alone gives 29.2% right on average: RNN has 31.0%." in words
    assert "set of values alone" not in said(LSTM, GRU)


def test_what_diverged_has_no_accuracy() -> None:
    lost = run(RECALL, pairs=MISSING, diverged="seed 0")
    assert sentence(lost).endswith(": no accuracy, because training of every seed diverged.")
    assert "In RNN training diverged, and is left out: seed 0." in said(lost, LSTM)


def test_the_one_that_keeps_most_apart_is_named_with_its_bound() -> None:
    words = answer(compared(LSTM, TRANSFORMER))
    assert words.startswith("Transformer keeps most pairs apart: capacity ≥ 8 pairs")


def test_trained_is_what_names_values_that_came() -> None:
    references = {"without_memory": 11.1, "values_alone": 29.2}
    assert learned({}, {"accuracy": 28.0, **references})
    assert not learned({}, {"accuracy": 12.0, **references})


def test_values_of_single_seeds_leave_out_what_diverged() -> None:
    table = pandas.DataFrame(
        {"seed": [0, 1], "pairs": [4.0, float("nan")], "accuracy": [70.0, float("nan")]}
        | {"most_accuracy": [50.0, float("nan")]}
    )
    values = by_seed({}, {"seeds": table}.get)
    assert values == {"pairs": {0: 4.0}, "accuracy": {0: 70.0}, "most_accuracy": {0: 50.0}}
    assert by_seed({}, lambda name: None) == {}
