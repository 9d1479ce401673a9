"""The grammar: lengths are exact, the translation is a function, agreement and order hold."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.tasks.grammar import BEINGS, PLACES, SUBORDINATING, draw


@given(length=st.integers(3, 60), seed=st.integers(0, 10**6))
def test_a_sentence_has_exactly_as_many_words_as_asked_for(length: int, seed: int) -> None:
    assert len(draw(length, random.Random(seed)).english) == length


def test_a_shorter_one_than_three_words_is_refused() -> None:
    with pytest.raises(ValueError, match="length is 2; the shortest sentence has 3 words"):
        draw(2, random.Random(0))


def test_every_english_sentence_has_one_translation() -> None:
    chance, known = random.Random(0), {}
    for index in range(20_000):
        sentence = draw(3 + index % 6, chance)
        assert known.setdefault(sentence.english, sentence.german) == sentence.german
    assert len(known) < 20_000, "no sentence came twice: the test has shown nothing"


PHRASES = {
    "in the forest": "in dem Wald",
    "near this city": "bei dieser Stadt",
    "behind the houses": "hinter den Häusern",
    "beside these gardens": "neben diesen Gärten",
    "near the old bridge": "bei der alten Brücke",
    "sees the king": "den König",
    "love this small": "dies",
    "hears the woman": "die Frau",
    "see these young": "diese jungen",
    "finds the child": "das Kind",
    "calls this man": "diesen Mann",
    "today the bird": "heute",
    "because the girl": "weil das",
}


def test_case_gender_and_number_agree() -> None:
    """Sentences of nine words that have a phrase have its translation: the forms by hand."""
    chance, seen = random.Random(1), dict.fromkeys(PHRASES, 0)
    while min(seen.values()) < 1:
        sentence = draw(9, chance)
        english, german = f" {' '.join(sentence.english)} ", " ".join(sentence.german)
        for phrase in PHRASES:
            if f" {phrase} " in english:
                assert PHRASES[phrase] in german
                seen[phrase] += 1


def test_a_subordinate_clause_ends_with_its_finite_verb() -> None:
    chance, seen = random.Random(2), 0
    german = {pair[1] for pair in SUBORDINATING}
    for _ in range(2_000):
        sentence = draw(9, chance)
        for word in german & set(sentence.german):
            clause = sentence.german[sentence.german.index(word) + 1 :]
            if "haben" in clause or "hat" in clause:
                seen += 1
                assert clause[-1] in ("haben", "hat")
    assert seen > 50


def test_lengths_of_both_sides_and_the_vocabulary_are_natural() -> None:
    chance = random.Random(3)
    sentences = [draw(chance.randint(3, 30), chance) for _ in range(3_000)]
    words = {word for sentence in sentences for word in sentence.german}
    assert 100 < len(words) < 200
    assert {noun.german for noun in (*BEINGS, *PLACES)} <= words
    assert all(len(s.german) == len(s.english) for s in sentences)
