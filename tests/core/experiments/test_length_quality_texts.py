"""What users bring to `length-quality`: texts without four-grams, files that change, divergence."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from core import files
from core.analysis.groups import identity_of
from core.experiment import Config
from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.length_quality.declaration import (
    LengthQualityConfig,
    LengthQualitySummary,
)
from core.experiments.length_quality.model import corpus_of
from core.measure.text_quality import (
    CorpusParts,
    ScoredSentence,
    bleu,
    bleu_applies,
    bleu_metric,
    bottleneck,
    chrf,
)
from core.settings import BadSetting
from core.stats.estimates import MISSING


def scored(reference: str, output: str, words: int = 2) -> ScoredSentence:
    read, written = (
        tuple(zlib.crc32(word.encode()) for word in text.split()) for text in (reference, output)
    )
    return ScoredSentence(words, len(read), read, written, reference, output)


@pytest.mark.parametrize("text", ["狗看见猫。", "a dog", "the dog sleeps", "犬が猫を見る"])
def test_bleu_of_references_without_a_four_gram_is_missing_and_not_zero(text: str) -> None:
    perfect = [scored(text, text)] * 70
    assert CorpusParts.of(bleu_metric(), [text], [text]).value == 0.0, "what sacrebleu says"
    assert not bleu_applies(perfect)
    assert bleu(perfect) == MISSING
    assert chrf(perfect).value == pytest.approx(100.0)


CHINESE = ["狗看见猫。", "猫看见狗。", "鸟看见鱼。", "鱼看见鸟。", "马看见牛。", "牛看见马。"]


def test_chinese_has_a_bleu_of_its_letters_by_default(tmp_path: Path) -> None:
    path = tmp_path / "zh.tsv"
    lines = [f"animal {n} sees animal {n + 1}\t{CHINESE[n % 6]}{n}\n" for n in range(120)]
    path.write_text("".join(lines), encoding="utf-8")
    quick = {"vocabulary": 60, "shortest": 1, "training_steps": 2, "hidden_size": 8}
    config = configs(str(path), **quick)[0]
    *_, summary = LENGTH_QUALITY.measure(config)
    assert isinstance(summary, LengthQualitySummary)
    assert "tok:zh" in summary.signature
    assert summary.bleu.value is not None, "letters are words, of which there are four"
    assert summary.judged_by == ""


def test_one_four_gram_is_enough() -> None:
    mixed = [scored("a dog", "a dog"), scored("the dog sees the cat", "the dog sees the cat")]
    assert bleu_applies(mixed)
    assert bleu(mixed).value == pytest.approx(100.0)


def test_the_bottleneck_of_short_sentences_is_where_chrf_falls() -> None:
    words = [f"w{n}ord" for n in range(40)]

    def bucket(length: int, right: bool) -> list[ScoredSentence]:
        texts = [" ".join(words[(n + k) % 40] for k in range(length)) for n in range(60)]
        return [
            scored(text, text if right else " ".join(reversed(words[:length])), length)
            for text in texts
        ]

    buckets = {1: bucket(1, True), 2: bucket(2, True), 3: bucket(3, False)}
    found = bottleneck(buckets, "chrf")
    assert found.length.value is not None
    assert 2 < found.length.value <= 3
    assert bottleneck(buckets, "bleu").length == MISSING, "half of nothing"


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "my,data.tsv"
    path.write_text("".join(f"quelle {n} ist gut\tsource {n} is good\n" for n in range(60)))
    return path


def configs(path: str, **more: object) -> list[Config]:
    values = {"task": "tsv", "file": path, "seeds": 2, **more}
    return LENGTH_QUALITY.configs(["lstm"], {name: [value] for name, value in values.items()})


def test_a_file_is_named_in_full_and_known_by_its_content(
    text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(text.parent)
    made = configs(text.name)
    assert {config.flat()["file"] for config in made} == {str(text)}
    (sha256,) = {str(config.flat()["file_sha256"]) for config in made}
    assert len(sha256) == files.DIGEST_LETTERS
    text.write_text(text.read_text() + "noch eins mehr\tone more of it\n")
    (again,) = {str(config.flat()["file_sha256"]) for config in configs(text.name)}
    assert again != sha256, "an edited text is another one, and not another seed of the same"


def test_two_files_of_one_name_are_two_texts(tmp_path: Path) -> None:
    paths = []
    for name in ("a", "b"):
        path = tmp_path / name / "data.tsv"
        path.parent.mkdir()
        path.write_text("".join(f"{name} {n} ja\t{name} {n} yes\n" for n in range(30)))
        paths.append(path)
    first, second = (identity_of(LENGTH_QUALITY, configs(str(path))[0].flat()) for path in paths)
    assert first != second


def test_a_run_whose_file_has_changed_is_refused(text: Path) -> None:
    config = configs(str(text))[0]
    assert isinstance(config, LengthQualityConfig)
    config = config.model_copy(update={"vocabulary": 80, "shortest": 1})
    assert corpus_of(config).train
    text.write_text(text.read_text().replace("gut", "schlecht"))
    with pytest.raises(BadSetting, match=r"whose content is not what it was .*; queue it anew"):
        corpus_of(config)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "which cannot be read"),
        (b"one column\n" * 30, "whose line 1 has 1 column"),
        (b"\xfc\n", "whose line 1 is not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_trained_on_is_refused_before_anything_is_recorded(
    content: bytes | None, sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / "bad.tsv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadSetting, match=sentence):
        configs(str(path))


def test_what_is_ignored_of_a_file_is_said(text: Path) -> None:
    lines = text.read_text().splitlines()
    text.write_text("de\ten\tlicence\n" + "".join(f"{line}\tCC-BY\n" for line in lines))
    config = configs(str(text), vocabulary=80, shortest=1)[0]
    assert isinstance(config, LengthQualityConfig)
    said: list[str] = []
    corpus_of(config, said.append)
    assert len(said) == 2
    assert "line 1, which names the columns: de, en, licence" in said[0]
    assert "what 60 of 60 lines have after their second column" in said[1]


def test_a_map_between_two_caches_is_refused_before_it_takes_the_memory() -> None:
    with pytest.raises(
        BadSetting,
        match=r"decoder is same, to whose 16,512 numbers of state a map.*or variants of one dir",
    ):
        LENGTH_QUALITY.configs(["bi-transformer"], {})
    config = LENGTH_QUALITY.configs(["bi-transformer"], {"decoder": ["gru"]})[0]
    assert isinstance(config, LengthQualityConfig)
    assert config.parameters < 3_000_000
