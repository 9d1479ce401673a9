"""Files of hypotheses: against sacrebleu's own scores and paired bootstrap, in pairs, by length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy
import pytest
from sacrebleu import corpus_bleu, corpus_chrf
from sacrebleu.significance import PairedTest

from core.measure.scoring import Options, answer, score_texts
from core.measure.text_quality import (
    CorpusParts,
    bleu_metric,
    paired_difference,
    resampled_scores,
)
from core.settings import BadSetting
from tests.core.measure.invented import REFERENCES, corrupted

GOOD, POOR = corrupted(REFERENCES, 0.15, seed=1), corrupted(REFERENCES, 0.4, seed=2)
AGAIN = corrupted(REFERENCES, 0.15, seed=3)
"""As good as GOOD."""


def parts(outputs: Sequence[str], references: Sequence[str] = REFERENCES) -> CorpusParts:
    return CorpusParts.of(bleu_metric(), outputs, references)


@pytest.fixture
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that do not look at how often a system wins: no p follows from resamples."""
    monkeypatch.setattr("core.measure.text_quality.RESAMPLES", 50)


def test_scores_are_sacrebleus_overall_and_in_every_bucket() -> None:
    found = score_texts({"good": GOOD}, REFERENCES, options=Options(bucket_width=4))
    (one,) = found.overall.systems
    lowered = corpus_bleu(GOOD, [REFERENCES], lowercase=True)
    assert one.bleu.value == pytest.approx(lowered.score)
    assert one.chrf.value == pytest.approx(
        corpus_chrf([text.lower() for text in GOOD], [[text.lower() for text in REFERENCES]]).score
    )
    same = sum(a.lower() == b.lower() for a, b in zip(GOOD, REFERENCES, strict=True))
    assert one.exact_match.value == pytest.approx(100 * same / len(GOOD))
    place = next(place for place in found.lengths if place.length == 8)
    chosen = [i for i, text in enumerate(REFERENCES) if 5 <= len(text.split()) <= 8]
    expected = corpus_bleu(
        [GOOD[i] for i in chosen], [[REFERENCES[i] for i in chosen]], lowercase=1
    )
    assert place.sentences == len(chosen)
    assert place.systems[0].bleu.value == pytest.approx(expected.score)
    assert sum(place.sentences for place in found.lengths) == len(REFERENCES)


def test_cased_scores_see_case_and_say_so() -> None:
    shouted = [text.upper() for text in GOOD]
    lowered = score_texts({"a": shouted}, REFERENCES)
    cased = score_texts({"a": shouted}, REFERENCES, options=Options(cased=True, tokenise="intl"))
    assert (lowered.overall.systems[0].bleu.value or 0) > 40
    assert (cased.overall.systems[0].bleu.value or 0) < 5
    assert cased.options.titles["bleu"] == "BLEU (cased, intl tokens)"
    assert "case:mixed" in cased.signatures["bleu"]
    assert "tok:intl" in cased.signatures["bleu"]
    assert "BLEU (lowercased, 13a tokens)" in answer(lowered)


def test_the_resamples_are_those_of_sacrebleus_paired_bootstrap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its p: how often |difference| less its mean exceeds the observed one (Koehn 2004, Moses)."""
    monkeypatch.setenv("SACREBLEU_SEED", "12345")
    systems = [("base", POOR), ("other", corrupted(REFERENCES, 0.37, seed=5))]
    test = PairedTest(systems, {"BLEU": bleu_metric()}, [REFERENCES], "bs", 1000)
    _, scores = test()
    theirs = scores["BLEU"][1].p_value
    first, second = (parts(outputs) for _, outputs in systems)
    one, other = resampled_scores([first, second])
    differences = numpy.abs(one - other)
    observed = abs(first.value - second.value)
    ours = (numpy.sum(differences - differences.mean() > observed) + 1) / 1001
    assert ours == pytest.approx(theirs, abs=0.002)
    assert 0 < ours < 1


def test_the_difference_agrees_with_the_bootstrap_where_sentences_are_many() -> None:
    first, second = parts(GOOD), parts(POOR)
    found = paired_difference(first, second)
    one, other = resampled_scores([first, second])
    low, high = numpy.quantile(one - other, (0.025, 0.975))
    assert found.estimate.value == pytest.approx(first.value - second.value)
    assert (found.estimate.low, found.estimate.high) == pytest.approx((low, high), rel=0.15)
    assert found.p_value is not None
    assert found.p_value < 1e-6


@pytest.mark.usefixtures("few_resamples")
def test_the_answer_says_who_is_better_then_at_which_lengths() -> None:
    found = score_texts({"good": GOOD, "poor": POOR}, REFERENCES, options=Options(bucket_width=4))
    words = answer(found)
    assert words.startswith("Overall good is better than poor: BLEU (lowercased, 13a tokens) ")
    assert "By length of the reference, good is better than poor at 1–4, 5–8" in words
    turned = score_texts({"poor": POOR, "good": GOOD}, REFERENCES)
    assert answer(turned).startswith("Overall good is better than poor")
    (pair,) = turned.overall.pairs_of("bleu")
    assert (pair.outcome, pair.wins) == ("worse", 0.0)
    level = answer(score_texts({"good": GOOD, "again": AGAIN}, REFERENCES))
    assert "not distinguishable" in level.split(". ")[0]


@pytest.mark.usefixtures("few_resamples")
def test_a_system_is_never_better_than_itself() -> None:
    found = score_texts({"one": GOOD, "same": GOOD}, REFERENCES)
    assert {pair.outcome for pair in found.overall.pairs} == {"too few sentences"}
    assert all(pair.difference.value == 0 for pair in found.overall.pairs)


@pytest.mark.usefixtures("few_resamples")
def test_p_is_corrected_over_pairs_overall_and_over_pairs_and_lengths() -> None:
    systems = {"good": GOOD, "again": AGAIN, "poor": POOR}
    found = score_texts(systems, REFERENCES, [text[: len(text) // 2] for text in REFERENCES])
    overall = sorted(p.p_value for p in found.overall.pairs_of("bleu"))
    corrected = sorted(p.corrected_p for p in found.overall.pairs_of("bleu"))
    assert corrected[0] == pytest.approx(3 * overall[0])
    assert found.sides == ["source", "reference"]
    tested = [p for place in found.lengths for p in place.pairs_of("bleu") if p.p_value is not None]
    smallest = min(tested, key=lambda pair: pair.p_value)
    assert smallest.corrected_p == pytest.approx(min(1, len(tested) * smallest.p_value))
    assert "good has the highest" in answer(found) or "again has the highest" in answer(found)


def test_few_sentences_have_a_score_and_no_interval_nor_verdict() -> None:
    found = score_texts({"good": GOOD[:5], "poor": POOR[:5]}, REFERENCES[:5])
    for one in found.overall.systems:
        assert one.bleu.value is not None
        assert one.bleu.low is None
    assert {pair.outcome for pair in found.overall.pairs} == {"too few sentences"}
    assert "too few sentences" in answer(found)


@pytest.mark.parametrize(
    ("systems", "references", "sentence"),
    [
        ({"a": ["x"]}, ["x", "y"], "hypotheses a has 1 line, but references has 2; line n"),
        ({}, ["x"], "hypotheses has 0 files; give 1 to 16"),
        (
            {"a": ["x" * 20_001]},
            ["x"],
            "hypotheses has a line of 20,001 letters; give at most 20,0",
        ),
        ({"a": ["x"]}, ["x" * 20_001], "references has a line of 20,001 letters; give at most"),
        (
            {"a": ["x" * 10_000] * 2000, "b": ["x"] * 2000},
            ["x" * 5000] * 2000,
            "hypotheses has 2 files, which with the references for each have 40,002,000 letters",
        ),
        ({"a": []}, [], "references has 0 lines; give 1 to 200,000"),
    ],
)
def test_what_does_not_fit_together_is_a_sentence(systems, references, sentence: str) -> None:
    with pytest.raises(BadSetting, match=sentence):
        score_texts(systems, references)


def test_options_outside_what_is_allowed_are_sentences() -> None:
    with pytest.raises(BadSetting, match="bucket_width is 0; give a whole number from 1 to 1,000"):
        Options(bucket_width=0)
    with pytest.raises(BadSetting, match="tokenise is 'x'; choose from auto, 13a, intl, zh, char"):
        Options(tokenise="x")


def test_an_empty_hypothesis_is_scored_and_not_an_error() -> None:
    found = score_texts({"a": ["", *GOOD[1:]]}, REFERENCES)
    assert found.overall.systems[0].bleu.value > 0


def test_blocks_change_no_score(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = score_texts({"good": GOOD, "poor": POOR}, REFERENCES)
    monkeypatch.setattr("core.measure.scoring.BLOCK_LETTERS", 100)
    assert score_texts({"good": GOOD, "poor": POOR}, REFERENCES) == whole
