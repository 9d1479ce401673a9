"""`length-quality`: rows agree with each other, a resumed run equals one that was never stopped."""

from __future__ import annotations

import copy
import dataclasses
import io
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from core.experiment import Artifact, Checkpoint, Progress, Row
from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.length_quality.declaration import (
    EVAL_BATCH_SIZE,
    AttentionRow,
    LengthQualityConfig,
    LengthQualitySummary,
    LengthRow,
    PositionRow,
    SampleRow,
    TrainingRow,
    judging_work,
    training_work,
)
from core.experiments.length_quality.judging import forced, judge, source_of
from core.experiments.length_quality.model import as_read, build, corpus_of
from core.experiments.length_quality.training import ModelTraining
from core.files import CORPORA
from core.models.architecture import Architecture
from core.models.counting import pass_cost
from core.models.decoding import greedy
from core.settings import BadSetting

TINY: dict[str, Any] = {
    "hidden_size": 12,
    "embedding_size": 8,
    "training_steps": 12,
    "training_pairs": 200,
    "tested_pairs": 4,
    "batch_size": 16,
    "shortest": 3,
    "longest_trained": 5,
    "longest_tested": 7,
    "validations": 3,
}

CPU = torch.device("cpu")

TIMINGS = {"tokens_per_second", "training_seconds"}


def config(variant: str = "lstm", **settings: Any) -> LengthQualityConfig:
    asked = {name: [value] for name, value in {**TINY, **settings}.items()}
    return LENGTH_QUALITY.configs([variant], {**asked, "seeds": [1]})[0]


def run(variant: str = "lstm", **settings: Any) -> list[Any]:
    return list(LENGTH_QUALITY.measure(config(variant, **settings)))


def of(events: list[Any], kind: type) -> list[Any]:
    return [event for event in events if type(event) is kind]


def timeless(events: list[Any]) -> list[Any]:
    """Rows and files without what a clock has measured."""
    return [
        {k: v for k, v in dataclasses.asdict(event).items() if k not in TIMINGS}
        for event in events
        if isinstance(event, Row)
    ]


USUAL = {("rnn", "none"), ("gru", "dot"), ("bi-lstm", "additive"), ("bi-lstm", "general")}
"""Each cell and each kind of attention once in the usual suite; all pairs are slow."""


@pytest.mark.parametrize(
    ("variant", "attention"),
    [
        pytest.param(*pair, marks=[] if pair in USUAL else [pytest.mark.slow])
        for pair in itertools.product(
            ("rnn", "bi-lstm", "gru"), ("none", "additive", "dot", "general")
        )
    ],
)
def test_every_row_agrees_with_the_others(variant: str, attention: str) -> None:
    events = run(variant, attention=attention)
    (summary,) = of(events, LengthQualitySummary)
    assert events[-1] is summary
    assert [row.training_step for row in of(events, TrainingRow)] == [4, 8, 12]
    free = [r for r in of(events, LengthRow) if (r.by, r.decoding) == ("source", "free")]
    assert [row.length for row in free] == [3, 4, 5, 6, 7]
    assert sum(row.sentences for row in free) == summary.token_accuracy.n
    assert [row.trained for row in free] == [1, 1, 1, 0, 0]
    samples = of(events, SampleRow)
    assert all(row.exact == (row.reference == row.output) for row in samples)
    maps = of(events, AttentionRow)
    assert bool(maps) == (attention != "none")
    for sample in {row.sample for row in maps}:
        first = [row.weight for row in maps if (row.sample, row.written) == (sample, 1)]
        assert float(sum(first)) == pytest.approx(1, abs=1e-5)
    progress = of(events, Progress)
    assert progress == sorted(progress, key=lambda event: event.done)
    assert progress[-1].done == pytest.approx(progress[-1].total)


def test_an_output_that_was_cut_off_has_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outputs of at most one token: hardly any model ends one there."""
    monkeypatch.setattr("core.experiments.length_quality.judging.max_output_tokens", lambda _: 1)
    events = run(attention="dot")
    last = {row.sample: row.written_token for row in of(events, AttentionRow)}
    assert set(last.values()) == {"cut off"}
    assert {row.written for row in of(events, AttentionRow)} == {1, 2}, (
        "the token, and what was not one"
    )


def test_the_first_position_is_that_of_every_sentence() -> None:
    events = run()
    (summary,) = of(events, LengthQualitySummary)
    first = next(row for row in of(events, PositionRow) if row.position == 1)
    assert first.token_accuracy.n == summary.token_accuracy.n


def test_with_attention_and_without_it_are_equally_many_parameters() -> None:
    counts = {
        attention: of(run(attention=attention), LengthQualitySummary)[0].parameters
        for attention in ("none", "dot")
    }
    assert counts["none"] == counts["dot"]


def test_a_model_that_learned_nothing_has_no_bottleneck() -> None:
    (summary,) = of(run(training_steps=1, tested_pairs=30), LengthQualitySummary)
    assert summary.above_blind.n == 30, "all of the shortest sentences"
    assert summary.above_blind.low is None
    assert summary.bottleneck.value is None
    assert summary.tested_up_to is None


def test_buckets_are_as_wide_as_asked_for() -> None:
    rows = [
        r for r in of(run(bucket_width=2), LengthRow) if (r.by, r.decoding) == ("source", "free")
    ]
    assert [row.length for row in rows] == [4, 6, 8]
    assert sum(row.sentences for row in rows) == 5 * TINY["tested_pairs"]
    assert (config().width, config(task="multi30k").width) == (1, 3)


def test_the_blind_guess_is_recorded_by_length() -> None:
    rows = [r for r in of(run(), LengthRow) if (r.by, r.decoding) == ("source", "free")]
    assert all(0 < row.blind_accuracy <= 100 for row in rows)


def test_the_same_seed_gives_the_same_rows_and_another_one_others() -> None:
    assert timeless(run(dropout=0.2)) == timeless(run(dropout=0.2))
    assert timeless(run(seed=1)) != timeless(run())


@pytest.mark.parametrize("patience", [0, 1])
def test_a_run_that_goes_on_from_a_checkpoint_ends_the_same(
    patience: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"dropout": 0.2, "attention": "dot", "patience": patience, "schedule": "cosine"}
    whole = run(**settings)
    monkeypatch.setattr("core.training.Checkpointer.due", lambda self: True)
    checkpoints = of(run(**settings), Checkpoint)
    assert len(checkpoints) >= 4
    for checkpoint in (checkpoints[0], checkpoints[len(checkpoints) // 2], checkpoints[-1]):
        assert LENGTH_QUALITY.resumable
        rest = list(LENGTH_QUALITY.measure(config(**settings), checkpoint.content))
        assert timeless(rest) == timeless(whole)


def test_training_stops_when_it_gets_no_better() -> None:
    events = run(patience=1, learning_rate=1.0, training_steps=60, validations=30)
    rows = of(events, TrainingRow)
    assert len(rows) < 30
    assert of(events, LengthQualitySummary)[0].steps_trained == rows[-1].training_step
    best = min(rows, key=lambda row: row.validation_loss)
    assert rows[-1] is rows[rows.index(best) + 1]


def test_the_kept_model_translates_as_the_measured_one_did() -> None:
    asked = config(attention="dot", training_steps=40)
    events = list(LENGTH_QUALITY.measure(asked))
    files = {file.path: file.content for file in of(events, Artifact)}
    assert json.loads(files["model/config.json"]) == asked.flat()
    corpus = corpus_of(asked)
    model = build(asked, corpus, CPU)
    weights = torch.load(io.BytesIO(files["model/weights.pt"]), weights_only=True)
    model.load_state_dict(weights)
    model.eval()
    outputs = [one for batch in judge(asked, corpus, model, "free", CPU) for one in batch]
    samples = {row.output for row in of(events, SampleRow)}
    assert samples <= {one.output_text for one in outputs}
    assert "model/source.words.json" in files


def test_the_reference_is_all_that_a_forced_model_reads() -> None:
    asked = config()
    corpus = corpus_of(asked)
    model = build(asked, corpus, CPU).eval()
    pairs = corpus.test[:3]
    outputs = forced(model, source_of(pairs, CPU), pairs)
    assert [len(output.tokens) for output in outputs] == [len(pair.target) for pair in pairs]
    (plain,) = greedy(model, source_of(pairs[:1], CPU), 20)
    assert outputs[0].tokens[0] == plain.tokens[0] if plain.tokens else True


def test_a_reversed_source_is_read_from_its_end() -> None:
    pair = corpus_of(config()).train[0]
    assert as_read(config(source_reversed=True), pair).source == pair.source[::-1]
    assert as_read(config(), pair) == pair


def test_no_test_sentence_was_trained_on() -> None:
    corpus = corpus_of(config(training_pairs=5000))
    assert not {pair.source for pair in corpus.train} & {pair.source for pair in corpus.test}


@pytest.mark.slow
def test_attention_is_ahead_after_a_short_training() -> None:
    """The ordering of the reference, small: reversing five to nine digits."""
    summaries = {}
    for attention in ("none", "dot"):
        *_, summaries[attention] = run(
            task="reverse",
            attention=attention,
            hidden_size=32,
            embedding_size=16,
            training_steps=500,
            training_pairs=8000,
            batch_size=64,
            shortest=5,
            longest_trained=9,
            longest_tested=9,
            tested_pairs=40,
            learning_rate=5e-3,
            validations=1,
        )
    assert summaries["dot"].token_accuracy.low > summaries["none"].token_accuracy.high
    assert summaries["dot"].above_blind.value > 50
    assert summaries["dot"].bottleneck.value is not None


class TestText:
    @pytest.fixture
    def file(self, tmp_path: Path) -> str:
        path = tmp_path / "pairs.tsv"
        lines = [f"{s} {v}\t{v} {s}" for s in "abcdefgh" for v in "klmnopqr"]
        path.write_text("\n".join(lines) + "\n")
        return str(path)

    def test_a_file_of_ones_own(self, file: str) -> None:
        events = run(task="tsv", file=file, vocabulary=30, shortest=1, joined_sentences=2)
        rows = [r for r in of(events, LengthRow) if (r.by, r.decoding) == ("source", "free")]
        assert [row.length for row in rows] == [3, 6]
        # Of two words there is no four-gram, and so no BLEU.
        assert [row.bleu.value is not None for row in rows] == [False, True]
        assert {file.path for file in of(events, Artifact)} >= {"model/source.subwords"}

    def test_case_is_kept_where_asked_for_and_scored_in_columns_of_its_own(
        self, tmp_path: Path
    ) -> None:
        path = tmp_path / "cased.tsv"
        lines = [f"{s} {v}\t{v.upper()} {s}" for s in "abcdefgh" for v in "klmnopqr"]
        path.write_text("\n".join(lines) + "\n")
        asked = {"task": "tsv", "file": str(path), "vocabulary": 34, "shortest": 1}
        asked["joined_sentences"] = 2  # BLEU needs four words
        (lowered,) = of(run(**asked), LengthQualitySummary)
        events = run(**asked, cased=True)
        (cased,) = of(events, LengthQualitySummary)
        assert any(row.reference.split()[0].isupper() for row in of(events, SampleRow))
        assert (lowered.cased_bleu.value, cased.bleu.value) == (None, None)
        assert lowered.bleu.value is not None
        assert cased.cased_bleu.value is not None
        assert "case:lc" in lowered.signature
        assert "case:mixed" in cased.signature

    def test_references_are_compared_with_those_of_training(self, tmp_path: Path) -> None:
        path = tmp_path / "longer.tsv"
        lines = [f"{s} {v}\t{v} {s} {s} {v}" for s in "abcdefgh" for v in "klmnopqr"]
        path.write_text("\n".join(lines) + "\n")
        settings = {"shortest": 1, "longest_trained": 3, "longest_tested": 4}
        text = {"task": "tsv", "file": str(path), "vocabulary": 30, "joined_sentences": 2}
        rows = of(run(**text, **settings), LengthRow)
        trained = {(row.by, row.length): row.trained for row in rows}
        # Sources of 2 words were trained, those of 4 not; their references have 4 words and 8.
        assert trained == {
            ("source", 3): 1,
            ("source", 6): 0,
            ("reference", 6): 1,
            ("reference", 9): 0,
        }

    def test_a_missing_one_is_a_sentence(self, tmp_path: Path) -> None:
        with pytest.raises(BadSetting, match=r"no\.tsv', which cannot be read \(no such file"):
            run(task="tsv", file=str(tmp_path / "no.tsv"))

    def test_on_a_shared_host_a_run_reads_from_one_folder_alone(
        self, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(CORPORA, str(tmp_path))
        inside = config(task="tsv", file="pairs.tsv", vocabulary=30, shortest=1)
        assert corpus_of(inside).train
        monkeypatch.setenv(CORPORA, str(tmp_path / "corpora"))
        with pytest.raises(BadSetting, match="which is outside the folder that files may be read"):
            run(task="tsv", file=file)
        with pytest.raises(BadSetting, match="which is outside the folder that files may be read"):
            run(task="multi30k", folder=str(tmp_path))

    def test_too_few_lines_are_a_sentence(self, tmp_path: Path) -> None:
        (tmp_path / "few.tsv").write_text("a\tb\nc\td\n")
        with pytest.raises(BadSetting, match="has 2 different pairs; training, validation and"):
            run(task="tsv", file=str(tmp_path / "few.tsv"))


def test_work_grows_with_everything_that_takes_time() -> None:
    base = LENGTH_QUALITY.work(config())
    for more in (
        {"training_steps": 24},
        {"batch_size": 32},
        {"hidden_size": 24},
        {"layers": 2},
        {"longest_tested": 9},
        {"tested_pairs": 400},
        {"beam": 4},
    ):
        assert LENGTH_QUALITY.work(config(**more)) > base, more
    assert LENGTH_QUALITY.work(config(task="copy")) < base, "digits have no BLEU"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"decoder": "bi-lstm"}, "needs tokens that have not been generated yet"),
        ({"decoder": "x"}, "decoder is 'x'; give same, rnn, lstm, gru, min-gru, "),
        ({"bucket_width": 0}, "bucket_width is 0; give a whole number from 1 to 100"),
        ({"longest_trained": 2}, "longest_trained is 2, but shortest is 3; give at least that"),
        ({"longest_tested": 4}, "longest_tested is 4, but longest_trained is 5"),
        ({"shortest": 2}, "shortest is 2, but a sentence of the grammar has at least 3 words"),
        ({"task": "tsv"}, "file is '', but task is tsv; name the file"),
        ({"task": "multi30k", "target_language": "de"}, "target_language is de, and so is source"),
    ],
)
def test_bad_settings_are_sentences(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadSetting, match=sentence):
        config(**settings)


def test_each_seed_is_a_run_of_its_own() -> None:
    configs = LENGTH_QUALITY.configs(["lstm", "gru"], {"seeds": ["3"], "seed": [5]})
    assert [(c.architecture.cell, c.seed) for c in configs] == [
        (cell, seed) for cell in ("lstm", "gru") for seed in (5, 6, 7)
    ]
    assert len(LENGTH_QUALITY.configs(["lstm"], {})) == 3
    for bad in (["0"], ["x"], ["1", "2"], ["2000"]):
        with pytest.raises(BadSetting, match=r"seeds is .*; give a whole number from 1 to 1,000"):
            LENGTH_QUALITY.configs(["lstm"], {"seeds": bad})


class TestEarlyStopping:
    """Training whose validation losses are given, one after every step."""

    @pytest.fixture
    def given(self, monkeypatch: pytest.MonkeyPatch) -> Callable[..., ModelTraining]:
        def train(losses: list[float], patience: int) -> ModelTraining:
            steps = len(losses)
            asked = config(patience=patience, training_steps=steps, validations=steps)
            corpus = corpus_of(asked)
            training = ModelTraining(asked, corpus, build(asked, corpus, CPU), CPU)
            self.models: list[dict[str, torch.Tensor]] = []

            def validation_loss() -> float:
                self.models.append(copy.deepcopy(training.model.state_dict()))
                return losses[len(self.models) - 1]

            monkeypatch.setattr(training, "validation_loss", validation_loss)
            for _ in training.events(1.0):
                pass
            return training

        return train

    def is_of_step(self, training: ModelTraining, step: int) -> bool:
        kept = training.model.state_dict()
        return all(torch.equal(kept[name], of) for name, of in self.models[step - 1].items())

    def test_the_best_model_is_kept_and_not_the_last(
        self, given: Callable[..., ModelTraining]
    ) -> None:
        training = given([3.0, 1.0, 2.0, 1.5, 0.5, 0.1], patience=2)
        assert training.trainer.step == 4, "two validations after the best"
        assert training.best["step"] == 2
        assert self.is_of_step(training, 2)
        assert not self.is_of_step(training, 4)

    def test_a_loss_that_is_only_as_good_is_no_better(
        self, given: Callable[..., ModelTraining]
    ) -> None:
        training = given([1.0, 1.0, 0.5], patience=1)
        assert training.trainer.step == 2
        assert self.is_of_step(training, 1)

    def test_patience_begins_anew_with_every_better_loss(
        self, given: Callable[..., ModelTraining]
    ) -> None:
        training = given([4.0, 5.0, 3.0, 5.0, 2.0, 5.0], patience=2)
        assert training.trainer.step == 6
        assert self.is_of_step(training, 5)

    def test_without_patience_training_goes_on_and_the_last_model_stays(
        self, given: Callable[..., ModelTraining]
    ) -> None:
        training = given([1.0, 2.0, 3.0, 4.0], patience=0)
        assert training.trainer.step == 4
        assert training.best["step"] == 1
        assert self.is_of_step(training, 4)


class TestWork:
    def test_it_is_training_decoding_and_scoring(self) -> None:
        decoding, scoring = judging_work(config())
        assert min(decoding, scoring) > 0
        assert LENGTH_QUALITY.work(config()) == training_work(config()) + decoding + scoring

    def test_training_is_linear_in_its_steps_and_in_the_length_of_its_sentences(self) -> None:
        base = training_work(config())
        assert training_work(config(training_steps=24)) == pytest.approx(2 * base)
        # 4 words on average, then 5.
        assert training_work(config(longest_trained=7)) == pytest.approx(base * 5 / 4)
        assert training_work(config(longest_tested=20)) == base
        sizes = [training_work(config(batch_size=n)) for n in (16, 32, 48)]
        assert 0 < sizes[1] - sizes[0] == pytest.approx(sizes[2] - sizes[1])

    def test_decoding_is_linear_in_the_batches_that_are_decoded(self) -> None:
        """Five lengths, so that 25 sentences of each fit side by side and 26 do not."""
        (one, _), (full, _), (two, _) = (
            judging_work(config(tested_pairs=n))
            for n in (4, EVAL_BATCH_SIZE // 5, EVAL_BATCH_SIZE // 5 + 1)
        )
        assert one == full
        assert two == pytest.approx(2 * one)
        beams = [judging_work(config(beam=beam))[0] for beam in (1, 2, 3)]
        assert 0 < beams[1] - beams[0] == pytest.approx(beams[2] - beams[1])
        one_word, five = (
            judging_work(config(task="copy", shortest=1, longest_tested=n, longest_trained=1))[0]
            for n in (1, 9)
        )
        assert five == pytest.approx(5 * one_word)

    def test_both_decodings_are_forward_passes_as_training_makes_them(self) -> None:
        """One batch of training, of which backward is two thirds, over the same sentences."""
        alike = {"shortest": 5, "longest_trained": 5, "longest_tested": 5}
        asked = config(**alike, training_steps=1, batch_size=EVAL_BATCH_SIZE)
        assert judging_work(asked)[0] == pytest.approx(2 * training_work(asked) / 3)

    def test_scoring_is_linear_in_the_lengths_and_digits_have_none(self) -> None:
        (_, five), (_, ten) = judging_work(config()), judging_work(config(longest_tested=12))
        assert ten == pytest.approx(2 * five)
        assert judging_work(config(task="reverse"))[1] == 0

    def test_a_batch_reads_with_the_encoder_and_writes_with_the_decoder(self) -> None:
        asked = config("bi-lstm", decoder="gru", task="multi30k", vocabulary=50)
        common = {"steps": 14, "sequences": 16}  # about as many words as a caption has
        reading = pass_cost(asked.architecture, 8, **common)
        decoder = Architecture(cell="gru", hidden_size=12)
        writing = pass_cost(decoder, 8 + 12, outputs=50, **common)
        assert training_work(asked) == pytest.approx(12 * (reading + writing))


def test_a_file_that_would_not_be_read_is_refused_when_a_run_is_asked_for() -> None:
    config = LengthQualityConfig(file="pairs.tsv")
    with pytest.raises(BadSetting, match=r"file is 'pairs\.tsv', and task is 'grammar'"):
        config.pinned()
