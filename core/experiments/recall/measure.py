"""How `recall` is measured: train with every learning rate, then answer every query.

Seed i draws weights, training, validation and test sequences each from a generator of its own. So
it starts from the same weights and reads the same sequences at every learning rate, and is the same
whether alone or among others.

Shapes: S seeds, T time, B batch, N pairs, K slots, E embedding, H output of the layers, C tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from statistics import fmean
from typing import NamedTuple

import torch
from torch import Tensor

from core.device import device_sentence, resolve_device
from core.experiment import Event, Progress
from core.experiments.recall.declaration import (
    RIGHT,
    Place,
    PlaceRow,
    RecallConfig,
    RecallSummary,
    SeedRow,
    TrainingRow,
    rate_work,
    work,
)
from core.stats.aggregation import MAJORITY
from core.stats.estimates import finite, median_estimate
from core.stats.learning_rates import (
    Attempt,
    leave_one_out,
    most_accurate_rate,
    validation_by_rate,
)
from core.tasks.associative_recall import BLANK
from core.training import (
    TaskTraining,
    TokenClassifier,
    at_every_rate,
    cross_entropy_by_seed,
)

SEQUENCES_AT_ONCE = 64
"""Of each seed, when networks are judged."""


def measure(config: RecallConfig, checkpoint: bytes | None = None) -> Iterator[Event]:
    """Train with every learning rate, then report places and seeds; the summary comes last."""
    torch.set_num_threads(config.threads)
    device = resolve_device(config.device, "float32")
    total = work(config)
    yield Progress(0, total, device_sentence(device))
    attempts = yield from at_every_rate(
        config.learning_rates,
        lambda rate: RecallTraining(config, rate, device),
        TrainingRow,
        checkpoint,
        rate_work(config),
    )
    own = leave_one_out(attempts, most_accurate_rate)
    for attempt in own:
        yield from place_rows(config, attempt)
    seeds = [seed_row(config, attempt) for attempt in own]
    yield from seeds
    yield summarise(config, attempts, seeds)


class Sequences(NamedTuple):
    """Sequences of every seed; the key of each pair asks for its value at its step."""

    tokens_STB: Tensor
    steps_SBN: Tensor
    values_SBN: Tensor


def draw_sequences(
    config: RecallConfig, place: Place, count: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """`count` sequences of one place: tokens TB, the step of each query BN, its answer BN.

    The slots with the largest log p + Gumbel noise, in that order, are those of draws one after the
    other without replacement (Yellott 1977).
    """
    task, (pairs, length) = config.task, place
    rows = torch.arange(count)[:, None]

    def uniform(choices: int) -> Tensor:
        return torch.rand(count, choices, generator=generator, dtype=torch.float64)

    keys_BN, values_BN = (
        tokens[0] + uniform(len(tokens)).topk(pairs).indices for tokens in (task.keys, task.values)
    )
    log_p_K = torch.tensor(task.slots(pairs, length), dtype=torch.float64).log()
    noise_BK = -uniform(len(log_p_K)).log().neg().log()
    steps_BN = 2 * pairs + 2 * (log_p_K + noise_BK).topk(pairs).indices
    if config.fillers == "blank":
        tokens_BT = torch.full((count, length), BLANK)
    else:
        tokens_BT = torch.randint(task.vocabulary, (count, length), generator=generator)
    tokens_BT[:, 0 : 2 * pairs : 2] = keys_BN
    tokens_BT[:, 1 : 2 * pairs : 2] = values_BN
    tokens_BT[rows, steps_BN] = keys_BN
    return tokens_BT.T, steps_BN, values_BN


class RecallTraining(TaskTraining):
    """Every seed's network, trained with one learning rate."""

    def __init__(self, config: RecallConfig, learning_rate: float, device: torch.device) -> None:
        super().__init__(config, learning_rate, rate_work(config))
        self.config, self.device = config, device
        self.networks = TokenClassifier(
            config.architecture,
            self.generators("weights"),
            vocabulary=config.task.vocabulary,
            embedding_size=config.embedding_size,
            tokens_read=config.tokens_read,
        ).to(device)
        self.sequences = self.generators("training")
        self.order = torch.Generator().manual_seed(config.longest)
        self.begin(self.networks)
        self.longest = [Place(n, config.longest) for n in config.numbers_of_pairs]
        validation, count = self.generators("validation"), config.tested_sequences
        self.validation = [self.draw(validation, place, count) for place in self.longest]

    def draw(self, generators: Sequence[torch.Generator], place: Place, count: int) -> Sequences:
        """Sequences of one place, each seed's from its generator."""
        parts = zip(
            *(draw_sequences(self.config, place, count, one) for one in generators), strict=True
        )
        return Sequences(*(torch.stack(part).to(self.device) for part in parts))

    def losses_of_step(self, step: int) -> Tensor:
        """On a number of pairs and a length that are drawn evenly, the same for all seeds."""
        pairs = _one_of(self.config.numbers_of_pairs, self.order)
        place = Place(pairs, _one_of(self.config.lengths(pairs), self.order))
        batch = self.draw(self.sequences, place, self.config.batch_size)
        return cross_entropy_by_seed(
            self.networks.at_steps(batch.tokens_STB, batch.steps_SBN), batch.values_SBN
        )

    def validate(self) -> Iterator[TrainingRow]:
        results = [self._judge(sequences) for sequences in self.validation]
        for index, seed in enumerate(self.seeds):
            losses, accuracies = zip(*(result[index] for result in results), strict=True)
            loss = None if None in losses else fmean(losses)
            percent = None if loss is None else fmean(accuracies)
            self.validated[index] = percent
            yield TrainingRow(self.learning_rate, seed, self.trainer.step, loss, percent)

    @torch.no_grad()
    def _judge(self, sequences: Sequences) -> list[tuple[float | None, float]]:
        """Of every network the loss, None where it is not finite, and the percent right."""
        losses_S, right_S = 0.0, torch.zeros(len(self.seeds), dtype=torch.float64)
        count = sequences.values_SBN[0].numel()
        batches = torch.split(sequences.tokens_STB, SEQUENCES_AT_ONCE, -1)
        asked = (torch.split(part, SEQUENCES_AT_ONCE, 1) for part in sequences[1:])
        for tokens_STB, steps_SBN, values_SBN in zip(batches, *asked, strict=True):
            scores_SBNC = self.networks.at_steps(tokens_STB, steps_SBN)
            share = values_SBN[0].numel() / count
            losses_S = losses_S + share * cross_entropy_by_seed(scores_SBNC, values_SBN)
            right_S += (scores_SBNC.argmax(-1) == values_SBN).sum((1, 2)).cpu()
        assert isinstance(losses_S, Tensor)
        percents = (100 * right_S / count).tolist()
        return [*zip(map(finite, losses_S.tolist()), percents, strict=True)]

    def attempts(self) -> list[Attempt]:
        """What every seed came to, on test sequences of every place."""
        test, count = self.generators("test"), self.config.tested_sequences
        results = [self._judge(self.draw(test, place, count)) for place in self.config.places]
        return [
            Attempt(
                self.learning_rate,
                seed,
                None if any(result[index][0] is None for result in results) else validated,
                tuple(result[index][1] for result in results),
            )
            for index, (seed, validated) in enumerate(zip(self.seeds, self.validated, strict=True))
        ]


def _one_of(choices: Sequence[int], generator: torch.Generator) -> int:
    return choices[int(torch.randint(len(choices), (), generator=generator))]


def place_rows(config: RecallConfig, attempt: Attempt) -> Iterator[PlaceRow]:
    """A seed's accuracy at every place, beside the exact references."""
    task = config.task
    for place, percent in zip(config.places, attempt.tested, strict=True):
        yield PlaceRow(
            seed=attempt.seed,
            length=place.length,
            pairs=place.pairs,
            accuracy=None if attempt.validation is None else percent,
            chance=task.chance,
            without_memory=task.without_memory,
            values_alone=task.values_alone(place.pairs),
        )


def kept_apart(accuracies: Mapping[int, float]) -> int:
    """The largest number of pairs such that there and at every smaller one at least 90% are right.

    2: 100, 4: 95, 8: 80, 16: 92 → 4
    """
    kept = takewhile(lambda pairs: accuracies[pairs] >= RIGHT, sorted(accuracies))
    return max(kept, default=0)


def seed_row(config: RecallConfig, attempt: Attempt) -> SeedRow:
    """What a seed keeps apart in the longest sequences; nothing where it diverged."""
    row = SeedRow(attempt.seed, attempt.learning_rate, None, None, None)
    if attempt.validation is None:
        return row
    accuracies = {
        place.pairs: percent
        for place, percent in zip(config.places, attempt.tested, strict=True)
        if place.length == config.longest
    }
    return replace(
        row,
        pairs=kept_apart(accuracies),
        accuracy=fmean(accuracies.values()),
        most_accuracy=accuracies[config.most_pairs],
    )


def summarise(
    config: RecallConfig, attempts: Sequence[Attempt], seeds: Sequence[SeedRow]
) -> RecallSummary:
    """The summary over seeds; those that diverged are left out."""
    known = [row for row in seeds if row.pairs is not None]
    rates = validation_by_rate(attempts)
    pairs = MAJORITY.estimate([float(row.pairs or 0) for row in known])
    more = (n for n in config.numbers_of_pairs if pairs.value is not None and n > pairs.value)
    return RecallSummary(
        pairs=pairs,
        next_pairs=next(more, None),
        accuracy=median_estimate(row.accuracy for row in known),
        most_accuracy=median_estimate(row.most_accuracy for row in known),
        values_alone=fmean(map(config.task.values_alone, config.numbers_of_pairs)),
        without_memory=config.task.without_memory,
        carried=config.carried,
        parameters=config.parameters,
        reported_learning_rate=most_accurate_rate(attempts),
        pairs_by_seed=", ".join(
            f"≥ {row.pairs}" if row.pairs == config.most_pairs else str(row.pairs) for row in known
        ),
        diverged=", ".join(f"seed {row.seed}" for row in seeds if row.pairs is None),
        rates_tried=", ".join(f"{rate:g}: {percent:.3g}%" for rate, percent in rates.items()),
    )
