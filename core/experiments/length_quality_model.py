"""What a `length-quality` config asks for: its sentence pairs and its model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from core.experiments.length_quality import LengthQualityConfig
from core.models.seq2seq import Seq2Seq, Seq2SeqShape
from core.tasks import multi30k
from core.tasks.corpora import Corpus, split, synthetic_corpus, text_corpus
from core.tasks.pairs import Codec, Pair
from core.tasks.parallel_text import Sides, read_tsv


def corpus_of(config: LengthQualityConfig) -> Corpus:
    """Drawn or read. Raises `BadCorpus` for a text that cannot be used."""
    if config.synthetic:
        return synthetic_corpus(
            config.task,  # type: ignore[arg-type]
            shortest=config.shortest,
            longest_trained=config.longest_trained,
            longest_tested=config.longest_tested,
            training_pairs=config.training_pairs,
            tested_pairs=config.tested_pairs,
            seed=config.seed,
        )
    return text_corpus(
        *texts_of(config),
        vocabulary=config.vocabulary,
        training_pairs=config.training_pairs,
        joined_sentences=config.joined_sentences,
        shortest=config.shortest,
        longest_trained=config.longest_trained,
        longest_tested=config.longest_tested,
    )


def texts_of(config: LengthQualityConfig) -> tuple[Sides, Sides, Sides]:
    """Training, validation and test text."""
    if config.task == "tsv":
        return split(read_tsv(Path(config.file).expanduser()), config.file)
    folder = Path(config.folder).expanduser() if config.folder else multi30k.FETCHED
    languages = (config.source_language, config.target_language)
    if config.fetch:
        multi30k.fetch(folder, *languages, tell=lambda _: None)
    first, second, third = (multi30k.read(folder, part, *languages) for part in multi30k.SPLITS)
    return first, second, third


def as_read(config: LengthQualityConfig, pair: Pair) -> Pair:
    """What the encoder reads of a pair: its source, from the end if the config says so."""
    return Pair(pair.source[::-1], pair.target) if config.source_reversed else pair


def written(codec: Codec, tokens: Sequence[int], *, finished: bool) -> list[str]:
    """Each token of an output by itself, then `end`; or `cut off` where the model wrote no end."""
    return [*codec.pieces(tokens), "end" if finished else "cut off"]


def build(config: LengthQualityConfig, corpus: Corpus, device: torch.device) -> Seq2Seq:
    """The untrained model of the config's seed."""
    return Seq2Seq(shape_of(config, corpus.source.size, corpus.target.size), config.seed).to(device)


def shape_of(config: LengthQualityConfig, sources: int, targets: int) -> Seq2SeqShape:
    """What the model is made of, for vocabularies of those sizes."""
    return Seq2SeqShape(
        encoder=config.architecture,
        decoder=config.decoding_architecture,
        attention=config.attention,
        source_vocabulary=sources,
        target_vocabulary=targets,
        embedding_size=config.embedding_size,
        dropout=config.dropout,
    )
