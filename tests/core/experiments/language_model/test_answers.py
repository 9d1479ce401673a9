"""One run in words, and what a comparison adds to who needs the fewest bits."""

from __future__ import annotations

from typing import Any

import pandas

from core.analysis.sentences import answer
from core.experiments.language_model import LANGUAGE_MODEL
from core.experiments.language_model.answers import by_seed, learned, remarks
from core.experiments.language_model.declaration import LanguageModelConfig, text_words
from core.stats.aggregation import MAJORITY
from core.stats.estimates import MISSING, Estimate
from tests.core.made import Made, compared, run


def reader(*bits: float, variant: str = "gru", context: int = 16, **settings: Any) -> Made:
    """A run whose seeds need so many bits."""
    n = len(bits)
    more = {"context": context, "one_bits": 3.6, "no_bits": 4.6}
    seeds = pandas.DataFrame({"seed": range(n), "bits": bits, **more})
    return run(
        LANGUAGE_MODEL,
        variant,
        "",
        {"seeds": n, **settings},
        tables={"seeds": seeds},
        bits=Estimate(sum(bits) / n, min(bits), max(bits), n),
        context=MAJORITY.estimate([float(context)] * n),
        one_bits=Estimate(3.6, 3.5, 3.7, n),
        no_bits=Estimate(4.6, 4.6, 4.6, n),
        counted_bits=2.44,
        counted_context=4,
        context_by_seed=", ".join([str(context)] * n),
        diverged="",
    )


GRU = reader(2.40, 2.41, 2.42, 2.41, 2.40, 2.41)
RNN = reader(2.60, 2.61, 2.62, 2.61, 2.60, 2.61, variant="rnn", context=8)


def sentence(made: Made) -> str:
    flat = {name: made.columns[name] for name in LanguageModelConfig().flat()}
    return LANGUAGE_MODEL.sentence(LanguageModelConfig.from_flat(flat), made.columns)


def said(*made: Made) -> str:
    return " ".join(remarks(compared(*made)))


def test_a_run_says_its_bits_with_all_with_one_and_without_context() -> None:
    assert sentence(GRU) == (
        "GRU 64 on licence texts: 2.41 bits a character with 64 characters of context (95% CI "
        "2.40–2.42, n = 6), 3.60 with one and 4.60 with none. Context helps up to 16 characters "
        "(seeds: 16, 16, 16, 16, 16, 16). Counting what followed the last 4 characters needs 2.44."
    )
    assert "Context helps up to 64 characters, the most tried" in sentence(reader(2.4, context=64))
    assert "Context does not help (seeds: 0)" in sentence(reader(2.4, context=0))


def test_a_comparison_says_up_to_where_context_helps_whom() -> None:
    words = said(GRU, RNN)
    assert words == (
        "On licence texts GRU needs 3.60 bits a character after one character and 2.41 with all "
        "of its context. Context helps up to 16 characters for GRU; 8 characters for RNN. "
        "Counting what followed the last 4 characters in training needs 2.44 bits."
    )
    assert "≥ 64 characters for GRU" in said(reader(2.4, 2.4, context=64), RNN)


def test_the_one_that_needs_the_fewest_bits_is_named() -> None:
    assert answer(compared(GRU, RNN)).startswith("GRU predicts the text best")


def test_what_diverged_has_no_bits() -> None:
    lost = run(LANGUAGE_MODEL, bits=MISSING, diverged="seed 0")
    assert sentence(lost).endswith(": no bits, because training of every seed diverged.")
    assert "In RNN training diverged, and is left out: seed 0." in said(lost, GRU)


def test_trained_is_what_context_helps() -> None:
    assert learned({}, {"bits": 2.4, "no_bits": 4.6})
    assert not learned({}, {"bits": 4.7, "no_bits": 4.6})
    assert not learned({}, {"bits": None, "no_bits": None})


def test_a_text_is_named_without_its_folder() -> None:
    assert text_words("licences", "", "whole") == "licence texts"
    assert text_words("file", "/data/a/book.txt", "whole") == "book.txt"
    assert text_words("file", "a/pairs.tsv", "target") == "the target side of pairs.tsv"


def test_values_of_single_seeds_leave_out_what_diverged() -> None:
    none = float("nan")
    columns = ("bits", "context", "one_bits", "no_bits")
    table = pandas.DataFrame({"seed": [0, 1], **{name: [4.0, none] for name in columns}})
    assert by_seed({}, {"seeds": table}.get) == {name: {0: 4.0} for name in columns}
