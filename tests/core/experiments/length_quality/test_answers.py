"""One run in words, and what a comparison adds to who handles the longest sentences."""

from __future__ import annotations

from typing import Any

from core.analysis.sentences import answer
from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.length_quality.answers import remarks
from core.experiments.length_quality.declaration import LengthQualityConfig
from core.stats.estimates import MISSING, Estimate
from tests.core.made import Made, compared, run


def model(
    length: float | None, accuracy: float = 60.0, seed: int = 0, variant: str = "lstm", **more: Any
) -> Made:
    """A model of one seed whose quality halves at this length; None: it learned nothing."""
    halves = MISSING if length is None else Estimate(length, length - 1, length + 1, 1500)
    never = more.pop("never", False)
    return run(
        LENGTH_QUALITY,
        variant,
        "",
        {"seeds": 1, "seed": seed, **more},
        bottleneck_length=halves,
        token_accuracy=Estimate(accuracy, accuracy - 2, accuracy + 2, 1500),
        bleu=MISSING,
        above_blind=Estimate(1.0, -1.0, 3.0, 1500),
        never_below_half=int(never),
    )


def seeds(length: float, accuracy: float = 60.0, **more: Any) -> list[Made]:
    """Three seeds that differ a little."""
    return [model(length + 0.2 * k, accuracy + 0.3 * k, seed=k, **more) for k in (0, 1, 2)]


def sentence(made: Made) -> str:
    flat = {name: made.columns[name] for name in LengthQualityConfig().flat()}
    return LENGTH_QUALITY.sentence(LengthQualityConfig.from_flat(flat), made.columns)


def test_a_run_says_where_its_quality_halves() -> None:
    assert sentence(model(10.9, 24.2, attention="none")) == (
        "LSTM 64, no attention, grammar: free-running token accuracy halves at 10.9 words "
        "(95% CI 9.90–11.9, 1,500 sentences); over all lengths: token accuracy 24.2%."
    )
    never = sentence(model(30.0, attention="dot", never=True))
    assert "dot attention" in never
    assert "never halves up to 30.0 words" in never
    assert "not clearly above a blind guess (difference 1.00 points" in sentence(model(None))


def test_a_comparison_names_who_holds_the_longest_sentences() -> None:
    words = answer(compared(*seeds(10.0, attention="none"), *seeds(27.0, attention="dot")))
    assert words.startswith("LSTM · dot attention handles the longest sentences: bottleneck length")
    assert (
        "It differs from LSTM · no attention by more than noise (Welch's t test, n = 3)." in words
    )


def test_one_seed_has_its_sentences_interval_and_no_verdict() -> None:
    words = answer(compared(model(10.0), model(20.0, variant="gru")))
    assert "20 words (95% CI 19.0–21.0, one seed, 1,500 sentences)" in words
    assert "With 1 seed each, no difference from LSTM is distinguishable from noise" in words


def test_what_never_halves_is_a_lower_bound_and_what_learned_nothing_is_named() -> None:
    words = " ".join(remarks(compared(model(30.0, never=True), model(None, variant="gru"))))
    assert "Quality never halved in LSTM: the length is a lower" in words
    assert "In GRU the shortest sentences are not clearly above a blind guess." in words


def test_what_attention_adds_is_said_of_models_that_differ_in_nothing_else() -> None:
    pair = [*seeds(10.0, 24.0, attention="none"), *seeds(27.0, 93.0, attention="dot")]
    said = "token accuracy is 93.3 with attention and 24.3 without: higher by more than noise."
    assert said in " ".join(remarks(compared(*pair)))
    wider = [*seeds(10.0, 24.0, attention="none"), *seeds(27.0, 93.0, attention="dot", layers=2)]
    assert "with attention" not in " ".join(remarks(compared(*wider)))
    level = [*seeds(10.0, 24.0, attention="none"), *seeds(27.0, 24.0, attention="dot")]
    assert "without: not distinguishable" in " ".join(remarks(compared(*level)))
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
    assert "is higher by more than noise in 1 of 2 pairs of models: LSTM · dot attention." in words
