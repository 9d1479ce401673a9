"""The right choice follows from the numbers, and none is named where they leave it open."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from core.analysis.comparison import PairOutcome
from core.chapter import CLAIMS
from core.chapter.claim import Results, Verdict
from core.chapter.gradients import TWICE_BY_BIAS, TWICE_BY_CELL
from core.chapter.quiz import QUIZ, Answer, QuizQuestion
from core.stats.estimates import Estimate
from tests.core.made import around

EXACT = 0
"""Seeds of a number without uncertainty."""


def exact(value: float) -> Estimate:
    return Estimate(value, None, None, EXACT)


def answer(
    claim: int, findings: Mapping[str, PairOutcome] | None = None, **numbers: Estimate
) -> Answer:
    """With numbers named `RNN_64` for `RNN 64`."""
    (question,) = (question for question in QUIZ if question.claim == claim)
    named = {name.replace("__", " · ").replace("_", " "): e for name, e in numbers.items()}
    verdict = Verdict(
        "holds", "Figure.", evidence=("run1",), numbers=named, findings=findings or {}
    )
    found = question.answer(verdict)
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
    assert found.because == ("Measured here: RNN 64: 28.6 powers of ten (95% CI 26.6–30.6, n = 8).")
    assert found.evidence == ("run1",)
    assert answer(4, RNN_64=around(5.5)).choice == "Fewer than 10"
    assert answer(4, RNN_64=around(10.0, 3.0)).choice is None
    assert answer(4, RNN_64=around(28.6, n=1)).choice is None


def test_shares_are_counted() -> None:
    counted = {"networks_above_1": exact(8)}
    choices = [answer(5, **counted, of_them_exploding=exact(n)).choice for n in (8, 3, 0)]
    assert choices == ["In all", "In some", "In none"]
    because = answer(5, **counted, of_them_exploding=exact(3)).because
    assert because == "Measured here: networks above 1: 8; of them exploding: 3."


def test_what_doubles_the_reach_helps() -> None:
    reach = {"RNN_64": around(6), "LSTM_64": around(9), "LSTM_64__forget_bias_1": around(30)}

    def choice(by_cell: PairOutcome, by_bias: PairOutcome) -> str | None:
        return answer(8, {TWICE_BY_CELL: by_cell, TWICE_BY_BIAS: by_bias}, **reach).choice

    assert choice("worse", "better") == "Forget bias 1"
    assert choice("better", "worse") == "An LSTM instead of an RNN"
    assert choice("better", "better") == "Both"
    assert choice("worse", "worse") == "Neither"
    assert choice("not distinguishable", "better") is None
    assert answer(8, **reach).choice is None


def test_the_furthest_cell_must_stand_out() -> None:
    spans = {"RNN_32": around(10, 1), "LSTM_32": around(15, 1), "GRU_32": around(30, 1)}
    names = ["RNN 32", "LSTM 32", "GRU 32"]

    def choice(**gru: PairOutcome) -> str | None:
        findings: dict[str, PairOutcome] = {
            f"{one} against {other}": "not distinguishable" for one in names for other in names
        }
        findings |= {f"GRU 32 against {cell} 32": finding for cell, finding in gru.items()}
        return answer(7, findings, **spans).choice

    assert choice(RNN="better", LSTM="better") == "GRU"
    assert choice(RNN="better", LSTM="not distinguishable") == "No clear winner"
    assert choice(RNN="better", LSTM="not enough seeds") is None


def test_who_is_faster_may_depend_on_the_machine() -> None:
    times = {"LSTM_on_CPU": around(2.0), "GRU_on_CPU": around(3.0)}
    cpu, cuda = "GRU against LSTM on CPU", "GRU against LSTM on CUDA"
    for findings, choice in (
        ({cpu: "worse"}, "No"),
        ({cuda: "better"}, "Yes"),
        ({cpu: "worse", cuda: "better"}, "That depends on the machine"),
        ({cpu: "worse", cuda: "not enough seeds"}, None),
    ):
        assert answer(9, findings, **times).choice == choice


def test_the_nearest_factor_is_right() -> None:
    choices = [answer(10, times_at_16_features=exact(t)).choice for t in (4.1, 7.96, 13.4)]
    assert choices == ["About 4×", "About 8×", "About 16×"]
    assert answer(10, times_at_16_features=exact(13.4)).because.endswith("features: 13.4.")


def test_a_refused_decoder_leaves_one_direction() -> None:
    assert answer(12, refused=exact(1.0)).choice == "Only a one-directional decoder"
    assert answer(12, refused=exact(0.0)).choice == "Any decoder"


def test_what_attention_moves_must_be_apart() -> None:
    lengths = {"without_attention": around(13.0), "with_attention": around(27.0)}
    outcomes: tuple[PairOutcome, ...] = ("better", "not distinguishable", "worse")
    choices = [
        answer(13, {"with attention against without": outcome}, **lengths).choice
        for outcome in (*outcomes, "not enough seeds")
    ]
    assert choices == [
        "It makes it longer",
        "Nothing",
        "It makes it shorter",
        None,
    ]
