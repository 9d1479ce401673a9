"""`recall`: that its rows follow from its config, and what cells keep apart."""

from __future__ import annotations

import dataclasses
from statistics import fmean
from typing import Any

import pytest
import torch

from core.experiment import Checkpoint, Progress, Row
from core.experiments.recall import RECALL
from core.experiments.recall.declaration import (
    Place,
    PlaceRow,
    RecallConfig,
    RecallSummary,
    SeedRow,
    TrainingRow,
    rate_work,
    work,
)
from core.experiments.recall.measure import RecallTraining, kept_apart, summarise
from core.models.recurrent import forward_batched
from core.settings import BadSetting
from core.stats.estimates import MISSING, Estimate
from core.stats.learning_rates import Attempt
from tests.core.made import every_variant

TINY: dict[str, Any] = {
    "hidden_size": 8,
    "embedding_size": 4,
    "seeds": 3,
    "training_steps": 6,
    "most_pairs": 4,
    "sequence_length": 16,
    "vocabulary": 12,
    "batch_size": 4,
    "validations": 3,
    "tested_sequences": 10,
}

CPU = torch.device("cpu")

DIVERGES: dict[str, Any] = {
    "cell": "rnn", "nonlinearity": "relu", "recurrent_gain": 60, "learning_rate": 1.0, "clip": None,
    "sequence_length": 128,
}  # fmt: skip


def config(**settings: Any) -> RecallConfig:
    return RecallConfig.from_flat({"cell": "gru", **TINY, **settings})


def run(checkpoint: bytes | None = None, **settings: Any) -> list[Any]:
    return [*RECALL.measure(config(**settings), checkpoint)]


def rows_of(events: list[Any]) -> list[Row]:
    return [event for event in events if isinstance(event, Row)]


def of(events: list[Any], kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def test_numbers_of_pairs_are_on_the_grid_and_sequences_are_halved_while_the_pairs_fit_in() -> None:
    asked = config(most_pairs=12, sequence_length=72, vocabulary=64)
    assert asked.numbers_of_pairs == [2, 3, 4, 6, 8, 12]
    assert [asked.lengths(pairs) for pairs in asked.numbers_of_pairs] == [
        [18, 36, 72],  # an eighth would be odd
        [18, 36, 72],
        [18, 36, 72],
        [36, 72],
        [36, 72],
        [72],
    ]
    assert config().places == [Place(2, 8), Place(2, 16), Place(3, 16), Place(4, 16)]
    assert config(most_pairs=2).numbers_of_pairs == [2]


@pytest.mark.parametrize("variant", every_variant())
def test_every_variant_yields_rows_that_agree_with_each_other(variant: str) -> None:
    cell = variant.removeprefix("bi-")
    settings = {"cell": cell, "bidirectional": cell != variant, "learning_rate": 0.01}
    events = run(**settings)
    places, seeds, summary = of(events, PlaceRow), of(events, SeedRow), events[-1]
    assert isinstance(summary, RecallSummary)
    assert len(places) == 3 * 4
    for row in seeds:
        own = {p.pairs: p.accuracy for p in places if (p.seed, p.length) == (row.seed, 16)}
        assert row.pairs == kept_apart(own)
        assert row.accuracy == pytest.approx(fmean(own.values()))
        assert row.most_accuracy == own[4]
    assert summary.pairs.n == 3
    assert summary.parameters == config(**settings).parameters
    assert {row.training_step for row in of(events, TrainingRow)} == {2, 4, 6}


@pytest.mark.parametrize("tokens_read", [1, 3])
def test_the_parameters_are_the_tensors(tokens_read: int) -> None:
    asked = config(layers=2, tokens_read=tokens_read)
    training = RecallTraining(asked, 0.01, CPU)
    assert asked.parameters == sum(p[0].numel() for p in training.networks.parameters())


def test_a_step_reads_its_token_and_the_one_just_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[torch.Tensor] = []

    def watched(layers: Any, x_STBI: torch.Tensor) -> torch.Tensor:
        read.append(x_STBI)
        return forward_batched(layers, x_STBI)

    monkeypatch.setattr("core.training.forward_batched", watched)
    asked = config(tokens_read=2, seeds=2)
    training = RecallTraining(asked, 0.01, CPU)
    tokens_STB = torch.tensor([3, 1, 4, 1, 5]).view(1, 5, 1).expand(2, 5, 1)
    training.networks.at_steps(tokens_STB, torch.zeros(2, 1, 1, dtype=torch.long))
    own, before = read[0].split(asked.embedding_size, -1)
    assert torch.equal(own[:, 1], own[:, 3])  # the same token
    assert not torch.equal(own[:, 1], own[:, 2])
    assert torch.equal(before[:, 1:], own[:, :-1])
    assert not before[:, 0].any()


def test_answers_are_read_at_the_steps_of_the_queries() -> None:
    training = RecallTraining(config(), 0.01, CPU)
    batch = training.draw(training.generators("test"), Place(2, 8), 5)
    scores_SBNC = training.networks.at_steps(batch.tokens_STB, batch.steps_SBN)
    for sample in range(5):
        for query in range(2):
            step = int(batch.steps_SBN[1, sample, query])
            alone = training.networks.at_steps(
                batch.tokens_STB[:, : step + 1, sample : sample + 1], torch.full((3, 1, 1), step)
            )
            assert torch.allclose(alone[1, 0, 0], scores_SBNC[1, sample, query], atol=1e-6)


def test_the_same_config_gives_the_same_rows_and_another_seed_others() -> None:
    first, again, other = (rows_of(run(seed=seed)) for seed in (0, 0, 5))
    assert first == again != other


def test_a_seed_alone_comes_to_what_it_comes_to_among_others() -> None:
    among, alone = run(learning_rate=0.01), run(learning_rate=0.01, seed=1, seeds=1)
    ours = [row for row in of(among, TrainingRow) if row.seed == 1]
    assert ours == of(alone, TrainingRow)


def test_a_run_that_goes_on_from_a_checkpoint_ends_the_same() -> None:
    events = run()
    checkpoints = of(events, Checkpoint)
    assert len(checkpoints) == 3, "one for each learning rate"
    for checkpoint in checkpoints:
        assert rows_of(run(checkpoint.content)) == rows_of(events)


def test_progress_rises_to_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.training.Throttle.due", lambda self: True)
    progress = of(run(), Progress)
    done = [one.done for one in progress]
    assert done == sorted(done)
    assert done[-1] <= progress[-1].total == work(config())
    assert work(config()) == 3 * work(config(learning_rate=0.01)) == 3 * rate_work(config())


def test_pairs_are_kept_apart_up_to_the_first_number_that_is_not_right() -> None:
    assert kept_apart({2: 100, 4: 95, 8: 80, 16: 92}) == 4
    assert kept_apart({2: 90, 4: 90}) == 4
    assert kept_apart({2: 89.9, 4: 100}) == 0


def test_a_seed_that_diverged_has_no_value_and_the_others_have() -> None:
    events = run(**DIVERGES)
    assert {row.pairs for row in of(events, SeedRow)} == {None}
    assert {row.accuracy for row in of(events, PlaceRow)} == {None}
    summary = events[-1]
    assert summary.pairs == summary.accuracy == MISSING
    assert (summary.next_pairs, summary.diverged) == (None, "seed 0, seed 1, seed 2")
    flat = dict(zip(summary.header(), summary.flat(), strict=True))
    assert "no accuracy, because training of every seed" in RECALL.sentence(config(), flat)
    rows = [dataclasses.replace(of(run(), SeedRow)[0], pairs=2), of(events, SeedRow)[1]]
    partly = summarise(config(), [Attempt(0.001, 0, 70.0, ()), Attempt(0.001, 1, None, ())], rows)
    assert (partly.pairs, partly.diverged) == (Estimate(2, None, None, 1), "seed 1")
    assert (partly.next_pairs, partly.pairs_by_seed) == (3, "2")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"sequence_length": 12}, "sequence_length is 12, but most_pairs is 4; give at least 16"),
        ({"sequence_length": 17}, "sequence_length is 17"),
        ({"vocabulary": 9}, "vocabulary is 9, but most_pairs is 4; give at least 10"),
        ({"most_pairs": 1}, "most_pairs is 1"),
        ({"fillers": "noise"}, "fillers is 'noise'"),
        ({"power": 0}, "power is 0"),
    ],
)
def test_bad_settings_are_sentences(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadSetting, match=sentence):
        config(**settings)


# --- Known values: what is known of these cells, at the sizes at which it is known.


def known(cell: str, **settings: Any) -> RecallSummary:
    *_, summary = RECALL.measure(RecallConfig.from_flat({"cell": cell, **settings}))
    assert isinstance(summary, RecallSummary)
    return summary


@pytest.mark.slow
def test_attention_keeps_32_pairs_apart_at_a_width_at_which_the_plain_rnn_is_below_half() -> None:
    settings = {"hidden_size": 64, "most_pairs": 32, "seeds": 1, "learning_rate": 0.003}
    attention, recurrence = (
        known(cell, training_steps=400, tested_sequences=30, **settings)
        for cell in ("transformer", "rnn")
    )
    assert (attention.pairs.value, attention.next_pairs) == (32, None)
    assert (attention.most_accuracy.value or 0) > 99
    assert (recurrence.accuracy.value or 100) < 50
    assert recurrence.pairs.value == 0


@pytest.mark.slow
def test_an_lstm_keeps_more_apart_than_a_gru_of_its_width() -> None:
    lstm, gru = (known(cell, seeds=3, learning_rate=0.01) for cell in ("lstm", "gru"))
    assert (lstm.pairs.value or 0) > (gru.pairs.value or 0)
    assert (lstm.accuracy.value or 0) - 10 > (gru.accuracy.value or 0) > gru.values_alone
