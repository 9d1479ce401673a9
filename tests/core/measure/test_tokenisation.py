"""Which words BLEU reads in which script, and what is said where they need a package."""

from __future__ import annotations

import importlib.util

import pytest
import sacrebleu.utils
from sacrebleu import corpus_bleu

from core.measure.scoring import Options, score_texts
from core.measure.tokenisation import TOKENISATIONS, require_tokenisation, tokenisation_of
from core.settings import BadSetting


@pytest.mark.parametrize(
    ("text", "tokenisation"),
    [
        ("狗看见猫。", "zh"),
        ("狗看见猫 OK", "zh"),
        ("犬が猫を見る", "char"),
        ("ｲﾇ ﾈｺ", "char"),
        ("หมาเห็นแมว", "char"),
        ("개가 고양이를 본다", "13a"),
        ("der Hund sieht die 猫", "13a"),
        ("الكلب يرى القط", "13a"),
        ("12 + 3 = 15", "13a"),
        ("", "13a"),
    ],
)
def test_the_words_are_those_of_the_script(text: str, tokenisation: str) -> None:
    assert tokenisation_of([text]) == tokenisation


def test_files_in_chinese_are_scored_by_their_letters() -> None:
    """The smallest input of a user who was told 0: a perfect output."""
    references = ["狗看见猫。"] * 70
    assert corpus_bleu(references, [references]).score == 0.0, "what sacrebleu says by default"
    found = score_texts({"perfect": references}, references)
    assert found.overall.systems[0].bleu.value == pytest.approx(100.0)
    assert found.options.titles["bleu"] == "BLEU (lowercased, zh tokens)"
    assert "tok:zh" in found.signatures["bleu"]
    (length,) = {place.length for place in found.lengths}
    assert length == 5, "four letters, and not one word"


@pytest.mark.parametrize(
    ("name", "module", "sentence"),
    [
        (
            "ja-mecab",
            "MeCab",
            r"whose dictionary is not installed; pip install 'sacrebleu\[ja\]' installs it",
        ),
        (
            "ko-mecab",
            "mecab_ko",
            r"whose dictionary is not installed; pip install 'sacrebleu\[ko\]' installs it",
        ),
        ("flores200", "", "whose model is not on this machine; sacrebleu downloads it when"),
    ],
)
def test_what_needs_a_package_or_a_download_says_so(
    name: str, module: str, sentence: str, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda wanted: None if wanted == module else found(wanted)
    )
    monkeypatch.setattr(sacrebleu.utils, "SACREBLEU_DIR", str(tmp_path))
    with pytest.raises(BadSetting, match=f"tokenise is '{name}', {sentence}"):
        Options(tokenise=name)


@pytest.mark.parametrize("name", ["auto", "13a", "intl", "zh", "char", "none"])
def test_the_others_need_nothing(name: str) -> None:
    assert name in TOKENISATIONS
    require_tokenisation(name)
