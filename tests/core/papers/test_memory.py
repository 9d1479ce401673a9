"""Cards on memory: every outcome from made-up spans and losses."""

from __future__ import annotations

import dataclasses

import pytest

from core.chapter.claim import Truth, Verdict
from core.papers.memory import (
    ARJOVSKY,
    CHUNG,
    GREFF,
    HOCHREITER,
    JOZEFOWICZ,
    LE,
    LONG,
    PASCANU,
    SHORT,
)
from core.papers.paper import Paper
from tests.core.made import results
from tests.core.papers.made import copier, learner

SEEDS = 8
Spans = int | tuple[int, ...]
"""Of all seeds alike, or of each."""
NOISY = (10, 10, 15, 15, 20, 20, 30, 30)
"""Two networks like this are neither distinguishable nor equal within a tenth."""


def verdict_of(paper: Paper, **spans: Spans) -> Verdict:
    """By networks in the card's order; a single span is that of all seeds."""
    runs = []
    for name, values in zip(paper.networks, spans.values(), strict=True):
        of_seeds = (values,) * SEEDS if isinstance(values, int) else values
        runs.append(learner(paper, name, *of_seeds))
    return paper.verdict(results(*runs))


def truths(verdict: Verdict) -> list[Truth]:
    return [part.truth for part in verdict.parts]


@pytest.mark.parametrize(
    ("lstm", "rnn", "outcome", "parts"),
    [
        (50, 10, "holds", [True, True, True]),
        (49, 10, "partly", [False, True, True]),
        (50, 50, "partly", [True, False]),
        (10, 50, "does not hold", [False, False, False]),
        ((30, 50) * 4, (10, 50) * 4, "not decided", [None, None, None]),
    ],
)
def test_adding(lstm: Spans, rnn: Spans, outcome: str, parts: list[Truth]) -> None:
    found = verdict_of(HOCHREITER, lstm=lstm, rnn=rnn)
    assert (found.outcome, truths(found)[: len(parts)]) == (outcome, parts)
    assert len(found.evidence) == 2


def test_a_single_seed_decides_nothing() -> None:
    found = verdict_of(HOCHREITER, lstm=(50,), rnn=(10,))
    assert found.outcome == "not decided"
    assert truths(found) == [None, None, None]
    assert "not enough seeds" in found.parts[2].measured


def test_part_of_the_networks_is_not_enough_and_says_what_is_missing() -> None:
    found = HOCHREITER.verdict(results(learner(HOCHREITER, "LSTM", *[50] * SEEDS)))
    assert found.sentence == "Not measured yet. Missing: RNN."
    assert len(found.evidence) == 1


def test_a_part_says_its_figures_and_the_test() -> None:
    words = verdict_of(HOCHREITER, lstm=50, rnn=10).parts[2].measured
    for text in ("Span", "in LSTM", "in RNN", "n = 8", "LSTM against RNN: better (exact rank-sum"):
        assert text in words


@pytest.mark.parametrize(
    ("irnn", "rnn", "lstm", "parts"),
    [
        (50, 10, 50, [True, True]),
        (50, 10, 30, [True, False]),
        (30, 10, 50, [True, False]),
        (NOISY, NOISY, 50, [None, False]),
        (10, 50, 50, [False, False]),
    ],
)
def test_identity_start(irnn: Spans, rnn: Spans, lstm: Spans, parts: list[Truth]) -> None:
    assert truths(verdict_of(LE, irnn=irnn, rnn=rnn, lstm=lstm)) == parts


@pytest.mark.parametrize(
    ("lstm", "biased", "gru", "parts"),
    [
        (7, 30, 20, [True, True, True]),
        (7, 15, 20, [True, True, False]),
        (7, 20, 20, [True, True, True]),
        (7, NOISY, NOISY, [True, True, None]),
        (20, 7, 7, [False, False, True]),
        (7, 7, 7, [False, False, True]),
    ],
)
def test_forget_bias(lstm: Spans, biased: Spans, gru: Spans, parts: list[Truth]) -> None:
    assert truths(verdict_of(JOZEFOWICZ, lstm=lstm, biased=biased, gru=gru)) == parts


@pytest.mark.parametrize(
    ("lstm", "gru", "rnn", "parts"),
    [
        (20, 20, 7, [True, True, True]),
        (NOISY, NOISY, 7, [True, True, None]),
        (20, 30, 7, [True, True, False]),
        (30, 20, 7, [True, True, False]),
        (7, 20, 7, [False, True, False]),
        (7, 5, 20, [False, False, False]),
    ],
)
def test_gated_units(lstm: Spans, gru: Spans, rnn: Spans, parts: list[Truth]) -> None:
    assert truths(verdict_of(CHUNG, lstm=lstm, gru=gru, rnn=rnn)) == parts


@pytest.mark.parametrize(
    ("exploding", "unclipped", "vanishing", "without", "parts"),
    [
        (30, 15, 7, 10, [True, True, True]),
        (30, 15, 10, 7, [True, True, False]),
        (30, 15, 7, 7, [True, True, True]),
        (NOISY, NOISY, NOISY, NOISY, [None, True, None]),
        (15, 30, 100, 7, [False, False, False]),
    ],
)
def test_clipping(
    exploding: Spans, unclipped: Spans, vanishing: Spans, without: Spans, parts: list[Truth]
) -> None:
    found = verdict_of(
        PASCANU, exploding=exploding, unclipped=unclipped, vanishing=vanishing, without=without
    )
    assert truths(found) == parts


@pytest.mark.parametrize(
    ("gated", "open_gate", "outcome"),
    [
        (15, 7, "holds"),
        (7, 15, "does not hold"),
        (7, 7, "does not hold"),
        (NOISY, NOISY, "not decided"),
    ],
)
def test_forget_gate(gated: Spans, open_gate: Spans, outcome: str) -> None:
    assert verdict_of(GREFF, gated=gated, open_gate=open_gate).outcome == outcome


STUCK, LEARNED, VAGUE = (0.99, 1.0, 1.0, 1.01), (0.1, 0.2, 0.2, 0.4), (0.5, 1.0, 1.0, 1.0)


PARTLY = (0.78, 0.8, 0.8, 0.82)


def copy(**shares: tuple[float, ...]) -> Verdict:
    runs = [
        copier(ARJOVSKY, name, *values)
        for name, values in zip(ARJOVSKY.networks, shares.values(), strict=True)
    ]
    return ARJOVSKY.verdict(results(*runs))


@pytest.mark.parametrize(
    ("short", "lstm", "rnn", "outcome", "parts"),
    [
        (LEARNED, STUCK, STUCK, "holds", [True, True, True]),
        (LEARNED, LEARNED, STUCK, "partly", [True, False, True]),
        (STUCK, STUCK, STUCK, "partly", [False, True, True]),
        (STUCK, LEARNED, LEARNED, "does not hold", [False] * 3),
        (PARTLY, PARTLY, STUCK, "partly", [True, False, True]),
        (LEARNED, VAGUE, STUCK, "not decided", [True, None, True]),
        (LEARNED, STUCK, (1.0,), "not decided", [True, True, None]),
    ],
)
def test_copy_memory(
    short: tuple[float, ...],
    lstm: tuple[float, ...],
    rnn: tuple[float, ...],
    outcome: str,
    parts: list[Truth],
) -> None:
    found = copy(short=short, lstm=lstm, rnn=rnn)
    assert (found.outcome, truths(found)) == (outcome, parts)


def test_a_copy_loss_is_told_as_a_share_of_the_memoryless_one() -> None:
    found = copy(short=LEARNED, lstm=STUCK, rnn=STUCK)
    assert "20.0% of the memoryless loss" in found.parts[0].measured
    assert f"LSTM after {SHORT} step" in found.parts[0].measured
    assert "100% of the memoryless loss" in found.parts[1].measured
    assert f"LSTM after {LONG} steps" in found.parts[1].measured


def test_runs_that_lost_their_tables_leave_it_open() -> None:
    whole = [copier(ARJOVSKY, name, *LEARNED) for name in ARJOVSKY.networks]
    lost = [dataclasses.replace(made, tables={}) for made in whole]
    found = ARJOVSKY.verdict(results(*lost))
    assert found.outcome == "not decided"
    assert truths(found) == [None] * 3
    spans = [learner(GREFF, name, *[10] * SEEDS) for name in GREFF.networks]
    lost = [dataclasses.replace(made, tables={}) for made in spans]
    assert truths(GREFF.verdict(results(*lost))) == [None]
