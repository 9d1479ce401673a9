"""Cards on translators: every outcome from made-up accuracies by length."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest

from core.chapter.claim import Truth, Verdict
from core.papers.translation import BAHDANAU, CHO, SUTSKEVER, by_length
from tests.core.made import results
from tests.core.papers.made import translators

Ends = Sequence[tuple[float, float]]

FALLING: Ends = [(90, 40), (91, 39), (89, 41), (90, 42)]
FLAT: Ends = [(90, 88), (91, 90), (89, 89), (90, 89)]
RISING: Ends = [(40, 90), (39, 91), (41, 89), (42, 90)]
VAGUE: Ends = [(90, 40), (40, 90), (80, 60), (60, 80)]

ATTENDING, ONE_VECTOR = BAHDANAU.networks


def truths(verdict: Verdict) -> list[Truth]:
    return [part.truth for part in verdict.parts]


@pytest.mark.parametrize(
    ("ends", "outcome"),
    [
        (FALLING, "holds"),
        (RISING, "does not hold"),
        (VAGUE, "not decided"),
        (FALLING[:1], "not decided"),
    ],
)
def test_quality_falls_with_length(ends: Ends, outcome: str) -> None:
    found = CHO.verdict(results(*translators(CHO, *CHO.networks, ends)))
    assert found.outcome == outcome
    assert len(found.evidence) == len(ends)


def test_the_figures_are_those_of_short_and_long_sentences_of_trained_lengths() -> None:
    made = results(*translators(CHO, *CHO.networks, FALLING))
    words = CHO.verdict(made).parts[0].measured
    assert "90.0%" in words
    assert "40.5%" in words
    assert "the first is higher (Welch" in words
    (matched,) = made.of(*CHO.measurements)
    assert [(one.short, one.long) for one in by_length(matched).values()] == list(FALLING)


def attention(attending: Ends, without: Ends, gain: float = 20.0) -> Verdict:
    runs = [
        *translators(BAHDANAU, ATTENDING, attending, bleu=20 + gain),
        *translators(BAHDANAU, ONE_VECTOR, without),
    ]
    return BAHDANAU.verdict(results(*runs))


def test_attention_repairs_where_long_sentences_stay_up() -> None:
    found = attention(FLAT, FALLING)
    assert (found.outcome, truths(found)) == ("holds", [True, True, True])
    words = found.parts[2].measured
    assert "24.8 points" in words.partition("half of what the translator with one vector loses")[0]
    assert words.partition("loses, ")[2].startswith("1.00 points")
    assert "the first is higher (Welch" in words


def test_attention_that_lifts_all_lengths_alike_is_not_robust_to_length() -> None:
    lifted = [(short + 9, long + 9) for short, long in FALLING]
    found = attention(lifted, FALLING)
    assert (found.outcome, truths(found)) == ("partly", [True, True, False])


def test_attention_does_not_repair_where_all_is_worse_with_it() -> None:
    assert attention(FALLING, FLAT, gain=-15).outcome == "does not hold"


def test_attention_with_single_seeds_is_undecided() -> None:
    assert attention(FLAT[:1], FALLING[:1]).outcome == "not decided"


def reversal(reversed_: Ends, forwards: Ends, gain: float) -> Verdict:
    first, second = SUTSKEVER.networks
    runs = [
        *translators(SUTSKEVER, first, reversed_, bleu=20 + gain),
        *translators(SUTSKEVER, second, forwards),
    ]
    return SUTSKEVER.verdict(results(*runs))


@pytest.mark.parametrize(
    ("reversed_", "forwards", "gain", "outcome", "parts"),
    [
        (FLAT, FALLING, 20.0, "holds", [True, True]),
        (FALLING, FLAT, 20.0, "partly", [True, False]),
        (FALLING, FLAT, -15.0, "does not hold", [False, False]),
        (VAGUE, VAGUE, 0.0, "not decided", [None, None]),
        (FALLING, FALLING, 20.0, "not decided", [True, None]),
    ],
)
def test_reversed_sources(
    reversed_: Ends, forwards: Ends, gain: float, outcome: str, parts: list[Truth]
) -> None:
    found = reversal(reversed_, forwards, gain)
    assert (found.outcome, truths(found)) == (outcome, parts)


def test_runs_that_lost_their_tables_leave_it_open() -> None:
    whole = translators(CHO, *CHO.networks, FALLING)
    found = CHO.verdict(results(*(dataclasses.replace(made, tables={}) for made in whole)))
    assert found.outcome == "not decided"
    assert "not known" in found.parts[0].measured
