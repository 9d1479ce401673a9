"""A finished run's model, loaded from its files, says what it said when it was judged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from core.experiment import Artifact
from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.length_quality.declaration import SampleRow
from core.experiments.length_quality.translator import MAX_CONFIG_BYTES, Translator
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


class TestHostileModels:
    """A model's folder comes from a store that others may write to."""

    @pytest.fixture
    def folder(self, made, tmp_path: Path) -> Path:
        return Path(shutil.copytree(made[0], tmp_path / "model"))

    def refusal(self, folder: Path) -> str:
        with pytest.raises(BadSetting) as caught:
            Translator.load(folder)
        assert len(str(caught.value)) <= 400
        return str(caught.value)

    def test_a_config_of_a_larger_model_than_its_weights_builds_nothing(self, folder: Path) -> None:
        path = folder / "config.json"
        recorded = json.loads(path.read_text()) | {"hidden_size": 16_384, "layers": 8}
        path.write_text(json.dumps(recorded))
        assert "weights.pt holds fewer weights than this model has" in self.refusal(folder)

    @pytest.mark.parametrize(
        ("name", "content", "reason"),
        [
            ("config.json", b"[]", "config.json holds no settings"),
            ("config.json", b"[" * 100_000, "this run's model cannot be loaded"),
            ("config.json", b" " * (MAX_CONFIG_BYTES + 1), "it has 2 MiB"),
            ("source.words.json", b'{"a": 1}', "source.words.json is no list of words"),
            ("source.words.json", b"[1, 2]", "source.words.json is no list of words"),
            ("source.subwords", b"no model", "this run's model cannot be loaded"),
            ("weights.pt", b"", "weights.pt holds fewer weights"),
        ],
    )
    def test_another_content_is_a_sentence(
        self, folder: Path, name: str, content: bytes, reason: str
    ) -> None:
        (folder / name).write_bytes(content)
        assert reason in self.refusal(folder)

    def test_a_link_to_elsewhere_is_not_followed(self, folder: Path, tmp_path: Path) -> None:
        (folder / "weights.pt").rename(tmp_path / "weights.pt")
        (folder / "weights.pt").symlink_to(tmp_path / "weights.pt")
        assert "weights.pt cannot be read: it is a link to elsewhere" in self.refusal(folder)
