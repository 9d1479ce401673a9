"""How BLEU cuts texts into words, by their script, and whether this machine has what that needs."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, get_args

from core.settings import BadSetting, shown
from core.tasks.parallel_text import WITHOUT_SPACES

Tokenisation = Literal[
    "auto", "13a", "intl", "zh", "char", "ja-mecab", "ko-mecab", "flores200", "none"
]
"""sacrebleu's, and `auto`: the one that fits the script of the references."""

TOKENISATIONS: tuple[Tokenisation, ...] = get_args(Tokenisation)
DEFAULT_TOKENISATION: Tokenisation = "auto"

_DICTIONARIES = {"ja-mecab": ("MeCab", "ja"), "ko-mecab": ("mecab_ko", "ko")}
"""Tokenisation → the package that it imports, and sacrebleu's extra that installs it."""
_CHINESE = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_KANA = re.compile("[\u3040-\u30ff\uff66-\uff9d]")


def tokenisation_of(references: Iterable[str]) -> Tokenisation:
    """The one that fits most of the letters: `zh` for Chinese, `char` for Japanese, Thai, Lao,
    Burmese and Khmer, which put no spaces between words either, and `13a` for everything else.

    狗看见猫。 → zh, 犬が猫を見る → char, a dog → 13a
    """
    text = "".join(references)
    spaceless = len(WITHOUT_SPACES.findall(text))
    if 2 * spaceless <= sum(map(str.isalpha, text)):
        return "13a"
    chinese = 2 * len(_CHINESE.findall(text)) > spaceless and not _KANA.search(text)
    return "zh" if chinese else "char"


def require_tokenisation(name: str) -> None:
    """Raise `BadSetting` unless this machine has what a tokenisation needs."""
    if name not in TOKENISATIONS:
        raise BadSetting(f"tokenise is {shown(name)}; choose from {', '.join(TOKENISATIONS)}")
    module, extra = _DICTIONARIES.get(name, ("", ""))
    if module and importlib.util.find_spec(module) is None:
        raise BadSetting(
            f"tokenise is {name!r}, whose dictionary is not installed; "
            f"pip install 'sacrebleu[{extra}]' installs it"
        )
    if name == "flores200":
        from sacrebleu.utils import SACREBLEU_DIR  # slow to import, and hardly ever needed

        if not Path(SACREBLEU_DIR, "models", "flores200sacrebleuspm").is_file():
            raise BadSetting(
                f"tokenise is {name!r}, whose model is not on this machine; sacrebleu downloads it "
                "when it is asked once: echo a > a.txt && sacrebleu a.txt -i a.txt -tok flores200"
            )
