"""Translating with a finished run's model: text in; hypotheses and attention map out."""

from __future__ import annotations

import json
import re
from pathlib import Path

import torch

from core.experiments.length_quality.declaration import LengthQualityConfig
from core.experiments.length_quality.model import as_read, output_labels, shape_of
from core.experiments.length_quality.translation import Alternative, Translation
from core.files import NotReadable, read_within
from core.models.counting import count_translator
from core.models.decoding import attention_map, beam, max_output_tokens
from core.models.seq2seq import Padded, Seq2Seq, Seq2SeqShape
from core.models.weights import MAX_MODEL_BYTES, load_state
from core.settings import BadSetting, shown
from core.tasks.corpora import UNKNOWN, Codec, Pair, Subwords, Words, padded_sources
from core.tasks.parallel_text import count_words

MAX_WORDS = 200
"""The longest source: far beyond what any model here was trained on."""

MAX_BEAM = 20

MAX_CONFIG_BYTES = 2**20
"""Of the recorded settings: some forty names and values."""

MAX_VOCABULARY_BYTES = 16 * 2**20
"""Of a vocabulary: the largest, 100,000 subwords, has about 2 MiB."""


class Translator:
    """Translates with the model that `length-quality` keeps under `model/`."""

    def __init__(
        self, config: LengthQualityConfig, model: Seq2Seq, source: Codec, target: Codec
    ) -> None:
        self.config, self.model, self.source, self.target = config, model.eval(), source, target

    @classmethod
    def load(cls, folder: Path) -> Translator:
        """Load a model from a folder with `config.json`, `weights.pt` and both vocabularies.

        Raises `BadSetting` when something is missing or does not fit together.
        """
        try:
            recorded = json.loads(_read(folder, "config.json", MAX_CONFIG_BYTES))
            if not isinstance(recorded, dict):
                raise BadSetting("config.json holds no settings")
            config = LengthQualityConfig.from_flat(
                LengthQualityConfig.settings_as_recorded(recorded)
            )
            source, target = (_codec(folder, side, config.cased) for side in ("source", "target"))
            weights = _read(folder, "weights.pt", MAX_MODEL_BYTES)
            shape = shape_of(config, source.size, target.size)
            # Before the model is made: a config may ask for more than there is memory.
            if len(weights) < 4 * parameters_of(shape):
                raise BadSetting("weights.pt holds fewer weights than this model has")
            model = Seq2Seq(shape, config.seed)
            model.load_state_dict(load_state(weights))
        except (RuntimeError, ValueError, KeyError, TypeError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
            raise BadSetting(f"this run's model cannot be loaded ({reason})") from error
        return cls(config, model, source, target)

    def translate(self, text: str, width: int = 4) -> Translation:
        """The `width` best outputs. Raises `BadSetting` for an empty or endless source."""
        prepared = self.prepare(text)
        count = count_words(prepared)
        if not 1 <= count <= MAX_WORDS:
            raise BadSetting(f"source has {count} words; give 1 to {MAX_WORDS}")
        if not 1 <= width <= MAX_BEAM:
            raise BadSetting(f"beam is {width}; give a whole number from 1 to {MAX_BEAM}")
        tokens = as_read(self.config, Pair(self.source.encode(prepared), ())).source
        if not tokens:
            raise BadSetting(
                f"source is {shown(text)}, of which nothing is left for the model to read; give a "
                "word"
            )
        source = Padded(*padded_sources([tokens]))
        (hypotheses,) = beam(self.model, source, width, max_output_tokens(len(tokens)))
        best = hypotheses[0]
        weights_TS = attention_map(self.model, source, best.tokens)
        return Translation(
            read=tuple(self.source.pieces(tokens)),
            alternatives=tuple(
                Alternative(
                    text=self.target.decode(one.tokens),
                    score=one.score,
                    probability=float(torch.tensor(one.log_probability).exp()),
                    finished=one.finished,
                )
                for one in hypotheses
            ),
            written=tuple(output_labels(self.target, best.tokens, finished=best.finished)),
            weights=None if weights_TS is None else tuple(map(tuple, weights_TS.tolist())),
            unknown=tuple(
                dict.fromkeys(w for w in prepared.split() if UNKNOWN in self.source.encode(w))
            ),
            words=count,
            longest_trained=self.config.longest_trained,
        )

    def prepare(self, text: str) -> str:
        """The text as the task writes it: digits apart, grammar without marks and capitals."""
        if self.config.digits:
            return " ".join(re.sub(r"\s", "", text))
        if self.config.task == "grammar":
            return " ".join(re.sub(r"[.,;:!?\"]", " ", text.lower()).split())
        return " ".join(text.split())


def parameters_of(shape: Seq2SeqShape) -> int:
    """Numbers that a model of this shape has, of four bytes each."""
    return count_translator(
        shape.encoder,
        shape.decoder,
        attention=shape.attention,
        embedding_size=shape.embedding_size,
        vocabularies=(shape.source_vocabulary, shape.target_vocabulary),
    )


def _codec(folder: Path, side: str, cased: bool) -> Codec:
    if (folder / f"{side}.subwords").exists():
        model = _read(folder, f"{side}.subwords", MAX_VOCABULARY_BYTES)
        return Subwords(model, cased=cased)
    words = json.loads(_read(folder, f"{side}.words.json", MAX_VOCABULARY_BYTES))
    if not (isinstance(words, list) and all(isinstance(word, str) for word in words)):
        raise BadSetting(f"{side}.words.json is no list of words")
    return Words(words[4:])


def _read(folder: Path, name: str, limit: int) -> bytes:
    if not (folder / name).exists():
        raise BadSetting(f"this run has no saved model: {name} is missing")
    try:
        return read_within(folder, name, limit)
    except NotReadable as reason:
        raise BadSetting(f"{name} cannot be read: {reason}") from None
