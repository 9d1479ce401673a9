"""Subwords: byte-pair encoding (Sennrich et al. 2016) by SentencePiece, learned on training text.

ein mädchen klettert  →  ▁ein ▁mädchen ▁klet tert
"""

from __future__ import annotations

import io
from collections.abc import Iterable

import sentencepiece

from core.settings import BadSetting
from core.tasks.pairs import BEGIN, END, PADDING, UNKNOWN


class Subwords:
    """One vocabulary, saved as SentencePiece's own model."""

    def __init__(self, model: bytes) -> None:
        self.model = model
        self._processor = sentencepiece.SentencePieceProcessor(model_proto=model)

    @classmethod
    def learn(cls, lines: Iterable[str], size: int) -> Subwords:
        """Learn `size` subwords from training text, in one thread: always the same ones."""
        model = io.BytesIO()
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(lines),
                model_writer=model,
                model_type="bpe",
                vocab_size=size,
                character_coverage=1.0,
                num_threads=1,
                pad_id=PADDING,
                bos_id=BEGIN,
                eos_id=END,
                unk_id=UNKNOWN,
                minloglevel=2,
            )
        except RuntimeError as error:
            reason = str(error).rpartition("]")[2].strip() or str(error)
            raise BadSetting(
                f"vocabulary is {size}, which this text does not give ({reason}); give another size"
            ) from None
        return cls(model.getvalue())

    @property
    def size(self) -> int:
        """Tokens in the vocabulary, the special ones too."""
        return int(self._processor.get_piece_size())

    def encode(self, text: str) -> tuple[int, ...]:
        """Tokens of a text, which is lowercased first."""
        return tuple(self._processor.encode(text.lower()))

    def decode(self, tokens: Iterable[int]) -> str:
        """Text of tokens, detokenised."""
        return str(self._processor.decode([int(token) for token in tokens]))

    def pieces(self, tokens: Iterable[int]) -> list[str]:
        """Each subword by itself; ▁ begins a word."""
        return [str(self._processor.id_to_piece(int(token))) for token in tokens]
