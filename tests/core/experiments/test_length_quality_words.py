"""Where quality halves, in words: seeds pooled, one seed never enough, differences tested."""

from __future__ import annotations

from typing import Any

import pandas
import pytest

from core.experiments.length_quality import LENGTH_QUALITY, LengthQualitySummary
from core.experiments.length_quality_words import comparison_in_words, run_in_words
from core.statistics import MISSING, Estimate


def summary(halves: float, *, bleu: float | None = None, beyond: bool = False) -> dict[str, Any]:
    around = Estimate(halves, halves - 1, halves + 1, 300)
    made = LengthQualitySummary(
        bottleneck_length=around,
        token_accuracy=Estimate(50.0, 48.0, 52.0, 300),
        exact_match=MISSING,
        bleu=MISSING if bleu is None else Estimate(bleu, bleu - 1, bleu + 1, 300),
        chrf=MISSING,
        within_accuracy=MISSING,
        beyond_accuracy=MISSING,
        never_below_half=int(beyond),
        context_size=64,
        parameters=1000,
        training_seconds=1.0,
        steps_trained=10,
        signature="",
    )
    return dict(zip(made.header(), made.flat(), strict=True))


def runs(**models: list[float]) -> pandas.DataFrame:
    return pandas.DataFrame(
        [
            {"label": label.replace("_", " "), "seed": seed, **summary(halves)}
            for label, lengths in models.items()
            for seed, halves in enumerate(lengths)
        ]
    )


def test_a_larger_difference_than_noise_is_called_one() -> None:
    assert comparison_in_words(runs(plain=[13.0, 12.9, 13.1], dot=[27.0, 26.5, 27.5])) == (
        "Free-running token accuracy falls below half of its start in plain at 13.0 words (95% "
        "interval 12.8 to 13.2, 3 seeds) and in dot at 27.0 words (95% interval 25.8 to 28.2, "
        "3 seeds). The difference is larger than noise."
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


def test_what_never_falls_below_half_is_not_given_a_length() -> None:
    frame = pandas.DataFrame([{"label": "dot", "seed": 0, **summary(28.0, beyond=True)}])
    assert "in dot not before 28.0 words" in comparison_in_words(frame)


def test_bleu_is_told_where_there_is_one() -> None:
    frame = pandas.DataFrame([{"label": "dot", "seed": 0, **summary(28.0, bleu=27.6)}])
    assert comparison_in_words(frame).endswith("BLEU over all lengths: 27.6 in dot.")


def test_nothing_is_said_to_be_nothing() -> None:
    assert comparison_in_words(pandas.DataFrame()) == "Nothing has been measured yet."


@pytest.mark.parametrize(("attention", "said"), [("none", "no"), ("dot", "dot")])
def test_a_runs_note(attention: str, said: str) -> None:
    config = LENGTH_QUALITY.configs(["lstm"], {"attention": [attention]})[0]
    assert run_in_words(config, summary(13.0, bleu=30.0)) == (
        f"LSTM 64, {said} attention, grammar: free-running token accuracy halves at 13.0 words "
        "(95% interval 12.0 to 14.0, 300 sentences); it is 50.0% over all lengths, BLEU 30.0 (95% "
        "interval 29.0 to 31.0, 300 sentences)."
    )
