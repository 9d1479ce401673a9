"""Where quality halves, in words: seeds pooled, one seed never enough, differences tested.

However many models there are, the answer has three sentences at most.
"""

from __future__ import annotations

from typing import Any

import pandas
import pytest

from core.experiments.length_quality import LENGTH_QUALITY, LengthQualitySummary
from core.experiments.length_quality_finding import gain_of_attention
from core.experiments.length_quality_words import comparison_in_words, run_in_words
from core.statistics import MISSING, Estimate


def summary(
    halves: float | None,
    *,
    bleu: float | None = None,
    beyond: bool = False,
    accuracy: float = 50.0,
) -> dict[str, Any]:
    """Of a run that halves there, or of one that has learned nothing."""
    above = Estimate(2.5, -1.0, 6.0, 60) if halves is None else Estimate(80.0, 75.0, 85.0, 60)
    made = LengthQualitySummary(
        bottleneck_length=MISSING
        if halves is None
        else Estimate(halves, halves - 1, halves + 1, 300),
        token_accuracy=Estimate(accuracy, accuracy - 2, accuracy + 2, 300),
        exact_match=MISSING,
        bleu=MISSING if bleu is None else Estimate(bleu, bleu - 1, bleu + 1, 300),
        chrf=MISSING,
        within_accuracy=MISSING,
        beyond_accuracy=MISSING,
        above_blind=above,
        never_below_half=int(beyond),
        context_size=64,
        parameters=1000,
        training_seconds=1.0,
        steps_trained=10,
        signature="",
    )
    return dict(zip(made.header(), made.flat(), strict=True))


def runs(**models: list[float | None]) -> pandas.DataFrame:
    return pandas.DataFrame(
        [
            {"label": label.replace("_", " "), "task": "grammar", "seed": seed, **summary(halves)}
            for label, lengths in models.items()
            for seed, halves in enumerate(lengths)
        ]
    )


def test_a_larger_difference_than_noise_is_called_one() -> None:
    assert comparison_in_words(runs(plain=[13.0, 12.9, 13.1], dot=[27.0, 26.5, 27.5])) == (
        "Free-running token accuracy falls below half of its start first in plain at 13.0 words "
        "(95% interval 12.8 to 13.2, 3 seeds) and last in dot at 27.0 words (95% interval 25.8 to "
        "28.2, 3 seeds). The difference is larger than noise."
    )


def test_what_overlaps_is_not_distinguishable() -> None:
    said = comparison_in_words(runs(plain=[13.0, 20.0, 8.0], dot=[14.0, 21.0, 9.0]))
    assert "dot is not distinguishable from plain." in said


def test_one_seed_has_its_sentences_interval_and_no_verdict() -> None:
    said = comparison_in_words(runs(plain=[13.0], dot=[27.0]))
    assert "(one seed; 95% interval 12.0 to 14.0, 300 sentences)" in said
    assert "One seed cannot tell such a difference from noise." in said


def test_some_differ_and_some_do_not() -> None:
    said = comparison_in_words(runs(a=[5.0, 5.1, 5.2], b=[27.0, 26.0, 28.0], c=[27.1, 26.1, 28.1]))
    assert "c is not distinguishable from b, the rest differ." in said


def test_the_same_seed_measured_twice_counts_once_the_newest_time() -> None:
    frame = pandas.concat([runs(a=[99.0, 5.1]), runs(a=[4.9])])
    assert "in a at 5.00 words" in comparison_in_words(frame)


def test_differences_from_many_are_one_sentence() -> None:
    lengths = {f"m{i}": [i, i + 0.1, i + 0.2] for i in range(1, 13)}
    said = comparison_in_words(runs(**lengths))
    assert "first in m1 at 1.10 words" in said
    assert "last in m12 at 12.1 words" in said
    assert said.endswith("3 seeds). The differences from m12 are larger than noise.")
    assert not any(f"m{i} " in said for i in range(2, 12))


def test_many_that_are_not_distinguishable_are_counted() -> None:
    lengths = {f"m{i}": [5.0 + i / 99, 9.0, 1.0] for i in range(12)}
    assert comparison_in_words(runs(**lengths)).endswith(
        "m11 is not distinguishable from all 11 other models."
    )
    said = comparison_in_words(runs(**lengths, low=[0.1, 0.11, 0.12], high=[9.8, 9.9, 9.91]))
    assert said.endswith("high is not distinguishable from 12 of 13 other models, the rest differ.")


def test_what_never_falls_below_half_is_not_given_a_length() -> None:
    stays = {"label": "dot", "task": "grammar", "seed": 0, **summary(28.0, beyond=True)}
    falls = {"label": "plain", "task": "grammar", "seed": 0, **summary(13.0)}
    assert comparison_in_words(pandas.DataFrame([stays])) == (
        "Free-running token accuracy stays above half of its start up to 28.0 words in dot."
    )
    assert "last in dot not before 28.0 words" in comparison_in_words(
        pandas.DataFrame([stays, falls])
    )


def test_a_model_that_learned_nothing_has_no_length() -> None:
    nothing = "the shortest sentences are not clearly above a blind guess"
    assert comparison_in_words(runs(plain=[None])) == (
        f"Free-running token accuracy has no bottleneck length in plain: {nothing}."
    )
    said = comparison_in_words(runs(plain=[None, None], dot=[27.0, 27.5]))
    assert said.startswith("Free-running token accuracy falls below half of its start in dot at 27")
    assert said.endswith(f"2 seeds); in plain {nothing}.")
    many = comparison_in_words(runs(a=[None], b=[None], c=[None], d=[5.0], e=[9.0]))
    assert f"; in 3 of 5 models {nothing}. One seed" in many


def test_a_seed_that_learned_nothing_is_told_and_not_counted() -> None:
    said = comparison_in_words(runs(plain=[13.0, None, 13.2]))
    assert "2 seeds; none in 1 of 3 seeds)" in said
    alone = comparison_in_words(runs(plain=[13.0, None]))
    assert "(one seed; 95% interval 12.0 to 14.0, 300 sentences; none in 1 of 2 seeds)" in alone


def test_bleu_is_told_of_a_single_model() -> None:
    frame = pandas.DataFrame(
        [{"label": "dot", "task": "grammar", "seed": 0, **summary(28.0, bleu=27.6)}]
    )
    assert comparison_in_words(frame).endswith("BLEU over all lengths: 27.6.")


def attending(*pairs: tuple[float, float], kind: str = "dot", cell: str = "lstm") -> list[Any]:
    """Runs without and with attention, of that token accuracy, a pair for each seed."""
    return [
        {"label": f"{cell} {k}", "task": "copy", "cell": cell, "seed": seed, "attention": k}
        | summary(9.0 + seed / 9, accuracy=accuracy)
        for seed, pair in enumerate(pairs)
        for k, accuracy in zip(("none", kind), pair, strict=True)
    ]


def test_what_attention_adds_is_over_pairs_that_differ_in_nothing_else() -> None:
    frame = pandas.DataFrame(
        attending((20.0, 50.0), (22.0, 54.0)) + attending((30.0, 64.0), cell="gru")
    )
    assert comparison_in_words(frame).endswith(
        "With attention, token accuracy over all lengths is 32.0 points higher (95% interval 27.0 "
        "to 37.0, 3 pairs of runs)."
    )


def test_several_attentions_beside_one_run_without_count_as_one() -> None:
    frame = pandas.DataFrame(
        attending((20.0, 50.0), (22.0, 54.0))
        + attending((20.0, 40.0), (22.0, 46.0), kind="additive")
    )
    gain = gain_of_attention(frame, "token_accuracy")
    assert (gain.points.value, gain.points.n, gain.seeds) == (pytest.approx(26.5), 2, 2)


def test_attention_that_changes_little_is_not_said_to_help() -> None:
    frame = pandas.DataFrame(attending((20.0, 21.0), (22.0, 21.5), (23.0, 24.5)))
    assert "is not distinguishable from nothing (0.667 points higher" in comparison_in_words(frame)


def test_attention_at_one_seed_has_no_verdict() -> None:
    frame = pandas.DataFrame(attending((20.0, 50.0)) + attending((20.0, 54.0), cell="gru"))
    assert comparison_in_words(frame).endswith("is 32.0 points higher (one seed).")


def test_runs_without_a_partner_say_nothing_of_attention() -> None:
    lone = pandas.DataFrame(attending((20.0, 50.0)))
    lone["hidden_size"] = [32, 64]
    assert gain_of_attention(lone, "token_accuracy") is None


def test_nothing_is_said_to_be_nothing() -> None:
    assert comparison_in_words(pandas.DataFrame()) == "Nothing has been measured yet."


@pytest.mark.parametrize(("attention", "said"), [("none", "no"), ("dot", "dot")])
def test_a_runs_note(attention: str, said: str) -> None:
    config = LENGTH_QUALITY.configs(["lstm"], {"attention": [attention]})[0]
    assert run_in_words(config, summary(13.0, bleu=30.0)) == (
        f"LSTM 64, {said} attention, grammar: free-running token accuracy halves at 13.0 words "
        "(95% interval 12.0 to 14.0, 300 sentences); over all lengths: token accuracy 50.0%, BLEU "
        "30.0 (95% interval 29.0 to 31.0, 300 sentences)."
    )


def test_running_text_is_judged_by_bleu() -> None:
    """There one word too many shifts all that follow."""
    settings = {"task": ["multi30k"], "folder": ["texts"]}
    config = LENGTH_QUALITY.configs(["lstm"], settings)[0]
    assert "multi30k: free-running BLEU halves at 22.0 words" in run_in_words(
        config, summary(22.0, bleu=20.0)
    )
    frame = pandas.DataFrame(
        [
            {"label": f"{kind} {seed}", "task": "multi30k", "attention": kind, "seed": seed, **made}
            for seed in (0, 1, 2)
            for kind, made in (
                ("none", summary(22.0, bleu=20.0 + seed / 10)),
                ("dot", summary(27.0, bleu=34.0, beyond=True)),
            )
        ]
    )
    said = comparison_in_words(frame)
    assert said.startswith("Free-running BLEU falls below half of its start first in none 0")
    assert "With attention, BLEU over all lengths is 13.9 points higher" in said


def test_the_note_of_a_run_that_learned_nothing() -> None:
    config = LENGTH_QUALITY.configs(["lstm"], {})[0]
    assert run_in_words(config, summary(None)) == (
        "LSTM 64, no attention, grammar: free-running token accuracy of the shortest is not "
        "clearly above a blind guess (difference 2.50 points, 95% interval -1.00 to 6.00, 60 "
        "sentences); over all lengths: token accuracy 50.0%."
    )
