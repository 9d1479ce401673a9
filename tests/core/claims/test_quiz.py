"""The right choice follows from the numbers, and none is named where they leave it open."""

from __future__ import annotations

import pytest

from core.claims import CLAIMS, QUIZ, Answer, QuizQuestion, Results, Verdict
from core.statistics import Estimate
from tests.core.claims.made import around

EXACT = 0
"""Seeds of a number without uncertainty."""


def exact(value: float) -> Estimate:
    return Estimate(value, None, None, EXACT)


def answer(claim: int, **numbers: Estimate) -> Answer:
    """With numbers named `RNN_64` for `RNN 64`."""
    (question,) = (question for question in QUIZ if question.claim == claim)
    named = {name.replace("__", " · ").replace("_", " "): e for name, e in numbers.items()}
    found = question.answer(Verdict("holds", "Figure.", evidence=("run1",), numbers=named))
    assert found.choice is None or found.choice in question.choices
    return found


def test_there_are_five_to_eight_questions_on_different_claims() -> None:
    assert 5 <= len(QUIZ) <= 8
    assert len({question.claim for question in QUIZ}) == len(QUIZ)
    for question in QUIZ:
        assert question.text.endswith("?")
        assert len(set(question.choices)) == len(question.choices) > 1


@pytest.mark.parametrize("question", QUIZ, ids=lambda question: str(question.claim))
def test_what_was_not_measured_has_no_right_choice(question: QuizQuestion) -> None:
    found = question.answer(CLAIMS[question.claim - 1].verdict(Results()))
    assert found.choice is None
    assert found.because.startswith("Missing: ")
    assert found.evidence == ()


def test_powers_of_ten_cite_the_interval_and_the_runs() -> None:
    found = answer(4, RNN_64=around(28.6, 2.0), RNN_64__gain_2=around(5.5))
    assert found.choice == "More than 20"
    assert found.because == (
        "Measured here: RNN 64: 28.6 powers of ten (95% interval 26.6 to 30.6, 8 seeds)."
    )
    assert found.evidence == ("run1",)
    assert answer(4, RNN_64=around(5.5)).choice == "Fewer than 10"
    assert answer(4, RNN_64=around(10.0, 3.0)).choice is None
    assert answer(4, RNN_64=around(28.6, n=1)).choice is None


def test_shares_are_counted() -> None:
    counted = {"networks_above_1": exact(8)}
    choices = [answer(5, **counted, of_them_exploding=exact(n)).choice for n in (8, 3, 0)]
    assert choices == ["In all of them", "In some of them", "In none of them"]
    because = answer(5, **counted, of_them_exploding=exact(3)).because
    assert because == "Measured here: networks above 1: 8; of them exploding: 3."


def test_the_larger_factor_helps_more() -> None:
    lives = {"RNN_64": around(1.0), "LSTM_64": around(1.4)}
    biased = answer(8, **lives, LSTM_64__forget_bias_1=around(4.5))
    assert biased.choice == "The forget bias of 1 in place of the drawn one"
    assert answer(8, **lives, LSTM_64__forget_bias_1=around(1.5)).choice == (
        "The LSTM in place of the RNN"
    )
    assert answer(8, **lives, LSTM_64__forget_bias_1=around(1.96, 0.2)).choice is None
    assert answer(8, **lives).choice is None


def test_the_furthest_cell_must_stand_out() -> None:
    spans = {"RNN_64": around(10, 1), "LSTM_64": around(15, 1)}
    assert answer(7, **spans, GRU_64=around(30, 1)).choice == "GRU"
    assert answer(7, **spans, GRU_64=around(15, 1)).choice == "They are not distinguishable"
    assert answer(7, **spans, GRU_64=around(30, n=1)).choice is None


def test_who_is_faster_may_depend_on_the_machine() -> None:
    slower = {"LSTM_on_CPU": around(2.0), "GRU_on_CPU": around(3.0)}
    faster = {"LSTM_on_CUDA": around(3.0), "GRU_on_CUDA": around(2.0)}
    assert answer(9, **slower).choice == "No"
    assert answer(9, **faster).choice == "Yes"
    assert answer(9, **slower, **faster).choice == "That depends on the machine"
    assert answer(9, LSTM_on_CPU=around(2.0), GRU_on_CPU=around(2.0)).choice is None


def test_the_nearest_factor_is_right() -> None:
    choices = [answer(10, times_at_16_features=exact(t)).choice for t in (4.1, 7.96, 13.4)]
    assert choices == ["About 4 times", "About 8 times", "About 16 times"]
    assert answer(10, times_at_16_features=exact(13.4)).because.endswith("features: 13.4.")


def test_a_refused_decoder_leaves_one_direction() -> None:
    assert answer(12, refused=exact(1.0)).choice == "Only a decoder of one direction"
    assert answer(12, refused=exact(0.0)).choice == "Any decoder"


def test_what_attention_moves_must_be_apart() -> None:
    without = {"without_attention": around(13.0)}
    lengths = [answer(13, **without, with_attention=around(w)).choice for w in (27.0, 13.0, 5.0)]
    assert lengths == [
        "It moves it to longer sentences",
        "Nothing",
        "It moves it to shorter sentences",
    ]
    assert answer(13, **without, with_attention=around(27.0, n=1)).choice is None
