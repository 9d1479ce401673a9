"""A finished run's model, loaded from its files, says what it said when it was judged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.experiment import Artifact
from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.length_quality.declaration import SampleRow
from core.experiments.length_quality.translator import Translator
from core.settings import BadSetting
from tests.core.experiments.length_quality.test_measure import TINY


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[SampleRow]]:
    return make(
        tmp_path_factory.mktemp("kept"), training_steps=250, learning_rate=1e-2, attention="dot"
    )


def make(folder: Path, **settings: Any) -> tuple[Path, list[SampleRow]]:
    asked = {name: [value] for name, value in {**TINY, **settings, "seeds": 1}.items()}
    (config,) = LENGTH_QUALITY.configs(["lstm"], asked)
    samples = []
    for event in LENGTH_QUALITY.measure(config):
        if isinstance(event, Artifact):
            path = folder / event.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(event.content)
        elif isinstance(event, SampleRow):
            samples.append(event)
    return folder / "model", samples


def test_it_says_what_it_said_when_it_was_judged(made: tuple[Path, list[SampleRow]]) -> None:
    translator = Translator.load(made[0])
    for sample in made[1]:
        best = translator.translate(sample.source, 1).alternatives[0]
        assert best.finished
        assert best.text == sample.output
        assert best.score == pytest.approx(sample.score, abs=1e-4)


def test_alternatives_come_best_first_with_a_map_of_the_first(made: tuple[Path, list]) -> None:
    translation = Translator.load(made[0]).translate("The dog sleeps.", 4)
    assert translation.read == ("the", "dog", "sleeps")
    scores = [one.score for one in translation.alternatives]
    assert len(scores) > 1
    assert scores == sorted(scores, reverse=True)
    assert all(0 < one.probability < 1 for one in translation.alternatives)
    assert translation.weights is not None
    assert len(translation.weights) == len(translation.written)
    assert all(sum(row) == pytest.approx(1, abs=1e-5) for row in translation.weights)
    assert translation.written[-1] == "end"
    assert not translation.unknown
    assert not translation.too_long


def test_an_output_that_was_cut_off_has_no_end(
    made: tuple[Path, list], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.experiments.length_quality.translator.max_output_tokens", lambda _: 2)
    translation = Translator.load(made[0]).translate("the dog sleeps", 1)
    assert not translation.alternatives[0].finished
    assert translation.written == (*translation.alternatives[0].text.split(), "cut off")
    assert translation.weights is not None
    assert len(translation.weights) == len(translation.written) == 3


def test_unknown_words_and_long_sources_are_told(made: tuple[Path, list]) -> None:
    translation = Translator.load(made[0]).translate("the aardvark sees the aardvark and a dog")
    assert translation.unknown == ("aardvark", "a")
    assert translation.too_long
    assert translation.longest_trained == 5


def test_a_source_reversed_is_shown_as_it_was_read(tmp_path: Path) -> None:
    folder, _ = make(tmp_path, source_reversed=True)
    translation = Translator.load(folder).translate("the dog sleeps")
    assert translation.read == ("sleeps", "dog", "the")
    assert translation.weights is None


def test_digits_need_no_spaces(tmp_path: Path) -> None:
    folder, _ = make(tmp_path, task="reverse")
    assert Translator.load(folder).translate("3 14").read == ("3", "1", "4")


@pytest.mark.parametrize(
    ("text", "beam", "sentence"),
    [
        ("  . ", 1, "source has 0 words; give 1 to 200"),
        ("dog " * 201, 1, "source has 201 words; give 1 to 200"),
        ("dog", 0, "beam is 0; give a whole number from 1 to 20"),
    ],
)
def test_bad_input_is_a_sentence(made, text: str, beam: int, sentence: str) -> None:
    with pytest.raises(BadSetting, match=sentence):
        Translator.load(made[0]).translate(text, beam)


def test_a_run_without_a_model_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"no saved model: config\.json is missing"):
        Translator.load(tmp_path)


def test_weights_that_do_not_fit_are_a_sentence(tmp_path: Path, made) -> None:
    folder, _ = make(tmp_path)
    (folder / "weights.pt").write_bytes((made[0] / "weights.pt").read_bytes()[:-100])
    with pytest.raises(BadSetting, match="model cannot be loaded"):
        Translator.load(folder)
