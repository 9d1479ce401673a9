"""What a `length-quality` config asks for: its sentence pairs and its model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import torch

from core import files
from core.experiments.length_quality.declaration import LengthQualityConfig
from core.files import quoted
from core.models.seq2seq import Seq2Seq, Seq2SeqShape
from core.tasks import parallel_text
from core.tasks.corpora import (
    Codec,
    Corpus,
    Pair,
    split,
    synthetic_corpus,
    text_corpus,
)
from core.tasks.vocabularies import SyntheticName


def corpus_of(
    config: LengthQualityConfig, say: Callable[[str], None] = lambda sentence: None
) -> Corpus:
    """Draw or read the sentence pairs; `say` is told what of a text is ignored.

    Raises `BadSetting` for a text that cannot be used.
    """
    if config.synthetic:
        return synthetic_corpus(
            cast(SyntheticName, config.task),
            shortest=config.shortest,
            longest_trained=config.longest_trained,
            longest_tested=config.longest_tested,
            training_pairs=config.training_pairs,
            tested_pairs=config.tested_pairs,
            seed=config.seed,
        )
    if config.task == "tsv":
        files.require_unchanged("file", config.file, config.file_sha256)
        sides, ignored = parallel_text.read_tsv("file", config.file)
        for what in ignored:
            say(f"of {quoted(config.file)} this is ignored: {what}")
        name = f"the file {quoted(config.file)}"
        train, validation, test = split(sides, name, cased=config.cased)
    else:
        languages = (config.source_language, config.target_language)
        if config.fetch:
            parallel_text.fetch(config.folder, *languages, report=lambda _: None)
        train, validation, test = (
            parallel_text.read(config.folder, part, *languages) for part in parallel_text.SPLITS
        )
    return text_corpus(
        train,
        validation,
        test,
        vocabulary=config.vocabulary,
        training_pairs=config.training_pairs,
        joined_sentences=config.joined_sentences,
        shortest=config.shortest,
        longest_trained=config.longest_trained,
        longest_tested=config.longest_tested,
        cased=config.cased,
    )


def build(config: LengthQualityConfig, corpus: Corpus, device: torch.device) -> Seq2Seq:
    """The untrained model of the config's seed."""
    return Seq2Seq(shape_of(config, corpus.source.size, corpus.target.size), config.seed).to(device)


def shape_of(
    config: LengthQualityConfig, source_vocabulary: int, target_vocabulary: int
) -> Seq2SeqShape:
    """The shape of the config's model for vocabularies of those sizes."""
    return Seq2SeqShape(
        encoder=config.architecture,
        decoder=config.decoding_architecture,
        attention=config.attention,
        source_vocabulary=source_vocabulary,
        target_vocabulary=target_vocabulary,
        embedding_size=config.embedding_size,
        dropout=config.dropout,
    )


def as_read(config: LengthQualityConfig, pair: Pair) -> Pair:
    """The pair with its source in the order in which the encoder reads it."""
    return Pair(pair.source[::-1], pair.target) if config.source_reversed else pair


def output_labels(codec: Codec, tokens: Sequence[int], *, finished: bool) -> list[str]:
    """Each token of an output by itself, then `end`; or `cut off` where the model wrote no end."""
    return [*codec.pieces(tokens), "end" if finished else "cut off"]
