"""One run in words, and what a comparison adds to who handles the longest sentences."""

from __future__ import annotations

from typing import Any

from core.analysis.sentences import answer
from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.length_quality.answers import remarks
from core.experiments.length_quality.declaration import LengthQualityConfig
from core.stats.estimates import MISSING, AtLeast, Estimate
from tests.core.made import Made, compared, run


def model(
    length: float | None, accuracy: float = 60.0, seed: int = 0, variant: str = "lstm", **more: Any
) -> Made:
    """A model of one seed whose quality halves at this length; None: it learned nothing."""
    never = more.pop("never", False)
    return run(
        LENGTH_QUALITY,
        variant,
        "",
        {"seeds": 1, "seed": seed, **more},
        bottleneck=MISSING if length is None else Estimate(length, None, None, 1),
        tested_up_to=None if length is None else length if never else 28.0,
        token_accuracy=Estimate(accuracy, accuracy - 2, accuracy + 2, 1500),
        bleu=MISSING,
        above_blind=Estimate(1.0, -1.0 if length is None else 0.5, 3.0, 1500),
    )


def seeds(length: float, accuracy: float = 60.0, **more: Any) -> list[Made]:
    """Five seeds that differ a little."""
    return [model(length + 0.2 * k, accuracy + 0.3 * k, seed=k, **more) for k in range(5)]


def sentence(made: Made) -> str:
    flat = {name: made.columns[name] for name in LengthQualityConfig().flat()}
    return LENGTH_QUALITY.sentence(LengthQualityConfig.from_flat(flat), made.columns)


def test_a_run_says_where_half_of_its_quality_is_lost_without_an_interval() -> None:
    assert sentence(model(10.9, 24.2, attention="none")) == (
        "LSTM 64, no attention, grammar: free-running token accuracy has lost half of what it has "
        "above a blind guess at 10.9 words; over all lengths: token accuracy 24.2%."
    )
    never = sentence(model(30.0, attention="dot", never=True))
    assert "dot attention" in never
    assert "keeps more than half above a blind guess up to 30 words" in never
    assert "not clearly above a blind guess (difference 1.00 points" in sentence(model(None))


def test_bleu_is_named_with_its_case_and_tokenisation() -> None:
    settings = {"task": "multi30k"}
    lowered = model(10.9, **settings)
    tokens = {"signature": "nrefs:1|case:lc|eff:no|tok:13a|smooth:exp"}
    lowered = Made(lowered.experiment, {**lowered.columns, **tokens}, {})
    cased = model(10.9, cased=True, **settings)
    tokens = {"cased_bleu": 20.0, "cased_bleu_n": 900, "signature": "nrefs:1|tok:zh|smooth:exp"}
    cased = Made(cased.experiment, {**cased.columns, **tokens}, {})
    assert "free-running BLEU (lowercased, 13a tokens) has lost half" in sentence(lowered)
    assert "BLEU (cased, zh tokens) 20.0 (900 sentences, no interval)" in sentence(cased)


def test_a_comparison_names_who_holds_the_longest_sentences() -> None:
    words = answer(compared(*seeds(10.0, attention="none"), *seeds(27.0, attention="dot")))
    assert words.startswith("LSTM · dot attention handles the longest sentences: bottleneck length")
    assert "from LSTM · no attention (exact rank-sum test, n = 5)." in words


def test_one_model_has_no_interval_and_no_verdict() -> None:
    words = answer(compared(model(10.0), model(20.0, variant="gru")))
    assert "20 words (no interval: 1 seed)" in words
    assert "With 1 seed each, no difference from LSTM can be significant" in words


def test_what_never_fell_by_half_is_a_lower_bound_and_what_learned_nothing_is_named() -> None:
    found = compared(model(30.0, never=True), model(None, variant="gru"))
    words = " ".join(remarks(found))
    assert "Quality never fell by half in LSTM: the length is a lower bound." in words
    assert "In GRU the shortest sentences are not clearly above a blind guess." in words
    assert "bottleneck length ≥ 30 words" in answer(found)


def test_a_lower_bound_of_a_text_is_at_its_longest_sentences_not_at_the_setting() -> None:
    """longest_tested is 100, but the longest sentences have 18.2 words on average."""
    text = {"task": "multi30k", "longest_tested": 100}
    kept = [model(18.2, seed=k, never=True, variant="gru", **text) for k in range(5)]
    fallen = [model(11.0 + k / 10, seed=k, **text) for k in range(5)]
    found = compared(*kept, *fallen)
    result = found.result("bottleneck")
    assert all(isinstance(value, AtLeast) for value in result.values["GRU"])
    assert not any(isinstance(value, AtLeast) for value in result.values["LSTM"])
    assert isinstance(found.estimate("GRU", "bottleneck").value, AtLeast)
    assert result.against("GRU", "LSTM").test == "exact rank-sum test"
    assert result.against("GRU", "LSTM").finding == "better"


def test_a_run_of_an_older_version_has_no_such_length_and_says_why() -> None:
    older = run(
        LENGTH_QUALITY,
        "lstm",
        "",
        {"seeds": 1},
        bottleneck_length=Estimate(13.0, 12.0, 14.0, 1500),
        bottleneck=MISSING,
        tested_up_to=None,
        above_blind=Estimate(60.0, 55.0, 65.0, 60),
        token_accuracy=Estimate(60.0, 58.0, 62.0, 1500),
    )
    found = compared(older)
    assert found.estimate("LSTM 64", "bottleneck").value is None
    assert "measured by a version whose bottleneck length was not relative" in answer(found)


def test_what_attention_adds_is_said_of_models_that_differ_in_nothing_else() -> None:
    pair = [*seeds(10.0, 24.0, attention="none"), *seeds(27.0, 93.0, attention="dot")]
    said = "token accuracy is 93.6 with attention and 24.6 without: significantly higher."
    assert said in " ".join(remarks(compared(*pair)))
    wider = [*seeds(10.0, 24.0, attention="none"), *seeds(27.0, 93.0, attention="dot", layers=2)]
    assert "with attention" not in " ".join(remarks(compared(*wider)))
    level = [*seeds(10.0, 24.0, attention="none"), *seeds(27.0, 24.0, attention="dot")]
    assert "without: equal within 2 points." in " ".join(remarks(compared(*level)))
    varied = [
        *(model(10.0, 24.0 + 9 * k, seed=k, attention="none") for k in range(5)),
        *(model(27.0, 30.0 + 9 * k, seed=k, attention="dot") for k in range(5)),
    ]
    assert "without: not distinguishable" in " ".join(remarks(compared(*varied)))
    single = [model(10.0, 24.0, attention="none"), model(27.0, 93.0, attention="dot")]
    assert "too few seeds for a verdict" in " ".join(remarks(compared(*single)))


def test_of_several_pairs_it_is_said_in_how_many_attention_helps() -> None:
    pairs = [
        made
        for variant, gain in (("lstm", 60.0), ("gru", 0.0))
        for attention, accuracy in (("none", 30.0), ("dot", 30.0 + gain))
        for made in seeds(10.0, accuracy, attention=attention, variant=variant)
    ]
    words = " ".join(remarks(compared(*pairs)))
    assert "is significantly higher in 1 of 2 pairs of models: LSTM · dot attention." in words
