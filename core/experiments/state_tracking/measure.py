"""How `state-tracking` is measured: train with every learning rate, then answer after every token.

Seed i draws weights, training, validation and test words each from a generator of its own. So it
starts from the same weights and reads the same words at every learning rate, and is the same
whether alone or among others.

Shapes: S seeds, T time, B batch, V tokens, A answered steps, C states of the group.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from statistics import fmean
from typing import NamedTuple

import torch
from torch import Tensor

from core.device import device_sentence, resolve_device
from core.experiment import Event, Progress
from core.experiments.state_tracking.declaration import (
    RIGHT,
    PositionRow,
    SeedRow,
    StateTrackingConfig,
    StateTrackingSummary,
    TrainingRow,
    rate_work,
    work,
)
from core.models.recurrent import Recurrent
from core.stats.aggregation import MAJORITY
from core.stats.estimates import finite, median_estimate
from core.stats.learning_rates import (
    Attempt,
    leave_one_out,
    most_accurate_rate,
    validation_by_rate,
)
from core.training import (
    LastStepClassifier,
    TaskTraining,
    at_every_rate,
    cross_entropy_by_seed,
)

WORDS_AT_ONCE = 64
"""Of each seed, when networks are judged."""

ONE_SIDED = 1.645
"""Standard errors above which a share is above chance, at 5%."""


def measure(config: StateTrackingConfig, checkpoint: bytes | None = None) -> Iterator[Event]:
    """Train with every learning rate, then report positions and seeds; the summary comes last."""
    torch.set_num_threads(config.threads)
    device = resolve_device(config.device, "float32")
    total = work(config)
    yield Progress(0, total, device_sentence(device))
    attempts = yield from at_every_rate(
        config.learning_rates,
        lambda rate: StateTraining(config, rate, device),
        TrainingRow,
        checkpoint,
        rate_work(config),
    )
    own = leave_one_out(attempts, most_accurate_rate)
    chances = config.problem.chances(config.longest_tested)
    blind = config.problem.without_memory(config.longest_tested)
    for attempt in own:
        for index, (chance, without) in enumerate(zip(chances, blind, strict=True)):
            accuracy = None if attempt.validation is None else attempt.tested[index]
            yield PositionRow(attempt.seed, index + 1, accuracy, chance, without)
    seeds = [seed_row(config, attempt, blind) for attempt in own]
    yield from seeds
    yield summarise(config, attempts, seeds)


class Words(NamedTuple):
    """Words of every seed, and the state after each of their tokens, both STB."""

    tokens_STB: Tensor
    states_STB: Tensor


class StateTraining(TaskTraining):
    """Every seed's network, trained with one learning rate."""

    def __init__(
        self, config: StateTrackingConfig, learning_rate: float, device: torch.device
    ) -> None:
        super().__init__(config, learning_rate, rate_work(config))
        self.config, self.device = config, device
        problem = config.problem
        self._element_V = torch.tensor(problem.tokens)
        self._product_CC = torch.tensor(problem.table)
        weights = self.generators("weights")
        recurrent = Recurrent(
            config.architecture,
            config.features,
            implementation="equations",
            generators=weights,
        )
        self.networks = LastStepClassifier(recurrent, problem.states, weights).to(device)
        self.words = self.generators("training")
        self.lengths = torch.Generator().manual_seed(config.longest_trained)
        self.begin(self.networks)
        count = config.tested_words
        self.validation = self.draw(self.generators("validation"), config.longest_trained, count)

    def draw(self, generators: Sequence[torch.Generator], steps: int, count: int) -> Words:
        """Words of one length, each seed's from its generator."""
        shape, tokens = (steps, count), len(self._element_V)
        tokens_STB = torch.stack(
            [torch.randint(tokens, shape, generator=generator) for generator in generators]
        )
        state_SB, states = torch.zeros_like(tokens_STB[:, 0]), []
        for element_SB in self._element_V[tokens_STB].unbind(1):
            state_SB = self._product_CC[element_SB, state_SB]
            states.append(state_SB)
        return Words(tokens_STB.to(self.device), torch.stack(states, 1).to(self.device))

    def scores(self, tokens_STB: Tensor, answered: int) -> Tensor:
        """Of each state after each of the last steps, SABC."""
        x_STBV = torch.nn.functional.one_hot(tokens_STB, len(self._element_V)).float()
        return self.networks.over_last(x_STBV, answered)

    def answered(self, steps: int) -> int:
        """How many of the last steps of a training word have labels."""
        return steps if self.config.labels == "every" else 1

    def losses_of_step(self, step: int) -> Tensor:
        longest = self.config.longest_trained
        steps = int(torch.randint(1, longest + 1, (), generator=self.lengths))
        words, answered = self.draw(self.words, steps, self.config.batch_size), self.answered(steps)
        scores_SABC = self.scores(words.tokens_STB, answered)
        return cross_entropy_by_seed(scores_SABC, words.states_STB[:, -answered:])

    def validate(self) -> Iterator[TrainingRow]:
        answered = self.answered(self.config.longest_trained)
        losses, right_SA = self._judge(self.validation, answered)
        for index, seed in enumerate(self.seeds):
            percent = None if losses[index] is None else float(right_SA[index].mean())
            self.validated[index] = percent
            yield TrainingRow(self.learning_rate, seed, self.trainer.step, losses[index], percent)

    @torch.no_grad()
    def _judge(self, words: Words, answered: int) -> tuple[list[float | None], Tensor]:
        """Every network's loss, None where it is not finite, and percent right by step, SA."""
        parts = zip(*(torch.split(part, WORDS_AT_ONCE, -1) for part in words), strict=True)
        count = words.tokens_STB.shape[-1]
        losses_S, right_SA = 0.0, torch.zeros(len(self.seeds), answered, dtype=torch.float64)
        for tokens_STB, states_STB in parts:
            scores_SABC = self.scores(tokens_STB, answered)
            target_SAB = states_STB[:, -answered:]
            share = tokens_STB.shape[-1] / count
            losses_S = losses_S + share * cross_entropy_by_seed(scores_SABC, target_SAB)
            right_SA += (scores_SABC.argmax(-1) == target_SAB).sum(-1).cpu()
        assert isinstance(losses_S, Tensor)
        return [finite(loss) for loss in losses_S.tolist()], 100 * right_SA / count

    def attempts(self) -> list[Attempt]:
        """What every seed came to, on test words."""
        steps = self.config.longest_tested
        words = self.draw(self.generators("test"), steps, self.config.tested_words)
        losses, right_ST = self._judge(words, steps)
        return [
            Attempt(
                self.learning_rate,
                seed,
                None if loss is None else validated,
                tuple(accuracies),
            )
            for seed, loss, validated, accuracies in zip(
                self.seeds, losses, self.validated, right_ST.tolist(), strict=True
            )
        ]


def reach(accuracies: Sequence[float]) -> int:
    """How many positions from the first on have at least 90% right: 100 95 80 92 → 2."""
    below = (index for index, percent in enumerate(accuracies) if percent < RIGHT)
    return next(below, len(accuracies))


def chance_from(accuracies: Sequence[float], blind: Sequence[float], words: int) -> int | None:
    """The first position from which on the mean of all later ones is not above the best answer
    without memory. The answers to one word err together, so that a word is one trial."""
    later = (accumulate(values[::-1]) for values in (accuracies, blind))
    sums = [*zip(*later, strict=True)][::-1]  # of this position and all later ones
    for start, (right, guessed) in enumerate(sums):
        mean, expected = right / (len(sums) - start), guessed / (len(sums) - start)
        error = 100 * math.sqrt(expected / 100 * (1 - expected / 100) / words)
        if expected < 100 and mean <= expected + ONE_SIDED * error:
            return start + 1
    return None


def seed_row(config: StateTrackingConfig, attempt: Attempt, blind: Sequence[float]) -> SeedRow:
    """What a seed reached; nothing where it diverged."""
    row = SeedRow(attempt.seed, attempt.learning_rate, None, None, None, None)
    if attempt.validation is None:
        return row
    accuracies, trained = attempt.tested, config.longest_trained
    return replace(
        row,
        reach=reach(accuracies),
        within_accuracy=fmean(accuracies[:trained]),
        beyond_accuracy=fmean(accuracies[trained:]) if len(accuracies) > trained else None,
        chance_from=chance_from(accuracies, blind, config.tested_words),
    )


def summarise(
    config: StateTrackingConfig, attempts: Sequence[Attempt], seeds: Sequence[SeedRow]
) -> StateTrackingSummary:
    """The summary over seeds; those that diverged are left out."""
    known = [row for row in seeds if row.reach is not None]
    last, trained = config.longest_tested, config.longest_trained
    blind = config.problem.without_memory(last)[trained if last > trained else 0 :]
    rates = validation_by_rate(attempts)
    return StateTrackingSummary(
        reach=MAJORITY.estimate([float(row.reach or 0) for row in known]),
        within_accuracy=median_estimate(row.within_accuracy for row in known),
        beyond_accuracy=median_estimate(row.beyond_accuracy for row in known),
        without_memory=fmean(blind),
        carried=config.carried,
        parameters=config.parameters,
        reported_learning_rate=most_accurate_rate(attempts),
        reach_by_seed=", ".join(
            f"≥ {row.reach}" if row.reach == last else str(row.reach) for row in known
        ),
        chance_by_seed=", ".join(str(row.chance_from or "never") for row in known),
        diverged=", ".join(f"seed {row.seed}" for row in seeds if row.reach is None),
        rates_tried=", ".join(f"{rate:g}: {percent:.3g}%" for rate, percent in rates.items()),
    )
