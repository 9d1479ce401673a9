"""How `language-model` is measured: train with every learning rate, then predict held-out text.

Seed i draws weights and training windows each from a generator of its own. So it starts from the
same weights and reads the same windows at every learning rate, and is the same whether alone or
among others. All seeds are tested on the same windows.

A network reads a symbol for the beginning, then the characters; after each it predicts the next.
One that looks ahead (a backward direction) would read what it is to predict: it answers after the
last character that it reads alone, in training too.

Shapes: S seeds, T characters of a window, B batch, V vocabulary, A answered characters, P
positions, K contexts, W windows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from statistics import fmean
from typing import NamedTuple

import numpy
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.device import device_sentence, resolve_device
from core.experiment import Event, Progress
from core.experiments.language_model.declaration import (
    BLOCKS,
    MAX_ORDER,
    ContextRow,
    LanguageModelConfig,
    LanguageModelSummary,
    PositionRow,
    SeedRow,
    TrainingRow,
    rate_work,
    read_text,
    work,
)
from core.models.ngrams import counted_bits
from core.stats.aggregation import MAJORITY
from core.stats.estimates import MISSING, Estimate, finite, mean_estimate
from core.stats.learning_rates import (
    Attempt,
    fewest_bits_rate,
    leave_one_out,
    validation_by_rate,
)
from core.tasks.running_text import UNKNOWN, RunningText
from core.training import TaskTraining, TokenClassifier, at_every_rate

WINDOWS_AT_ONCE = 125
"""Of each seed, when networks are judged."""

BITS = 1 / math.log(2)
"""In a nat."""

Predictor = Callable[[Tensor, int], Tensor]
"""(characters TB, A) → −log₂ of the probability of each of the last A characters, given those
before it in the window: SAB."""


def measure(config: LanguageModelConfig, checkpoint: bytes | None = None) -> Iterator[Event]:
    """Train with every learning rate, then report positions, contexts and seeds; the summary comes
    last."""
    torch.set_num_threads(config.threads)
    device = resolve_device(config.device, "float32")
    total = work(config)
    yield Progress(0, total, device_sentence(device))
    text = read_text(config)
    attempts = yield from at_every_rate(
        config.learning_rates,
        lambda rate: TextTraining(config, text, rate, device),
        TrainingRow,
        checkpoint,
        rate_work(config),
    )
    counts = counted(config, text)
    own = leave_one_out(attempts, fewest_bits_rate)
    for attempt in own:
        yield from position_rows(config, attempt, counts)
    for attempt in own:
        yield from context_rows(config, attempt, counts)
    seeds = [seed_row(config, attempt) for attempt in own]
    yield from seeds
    yield summarise(config, text, attempts, seeds, counts)


class Tested(NamedTuple):
    """What one seed came to on the test windows, in bits."""

    positions_P: NDArray[numpy.float64]
    """Mean over the windows at each position."""
    blocks_KB: NDArray[numpy.float64]
    """Of the windows' last characters with each context: the mean in each stretch of the text."""

    @property
    def contexts_K(self) -> list[float]:
        """The mean over all stretches, which are of one size."""
        return [float(mean) for mean in self.blocks_KB.mean(1)]

    @property
    def gains(self) -> list[Estimate]:
        """What each context gains beside the one before, the first nothing."""
        falls = self.blocks_KB[:-1] - self.blocks_KB[1:]
        return [MISSING, *(mean_estimate(fall.tolist()) for fall in falls)]


def pack(positions_P: Sequence[float], contexts_KW: NDArray[numpy.float64]) -> tuple[float, ...]:
    """The numbers of a `Tested` one after the other, as an attempt keeps them."""
    blocks_KB = contexts_KW.reshape(len(contexts_KW), BLOCKS, -1).mean(-1)
    return (*positions_P, *(float(number) for number in blocks_KB.ravel()))


def unpack(config: LanguageModelConfig, numbers: Sequence[float]) -> Tested:
    """The inverse of `pack`."""
    places, every = len(config.positions), numpy.array(numbers)
    return Tested(every[:places], every[places:].reshape(len(config.contexts), BLOCKS))


def position_bits(
    predict: Predictor, windows_WT: Tensor, positions: Sequence[int], *, together: bool
) -> Tensor:
    """Mean bits after so many characters of windows that begin with an empty state, SP.

    `together`: all characters of a window in one pass; else each is the last of one of its own.
    """
    sums_SP: list[Tensor] = []
    for windows_BT in torch.split(windows_WT, WINDOWS_AT_ONCE):
        tokens_TB = windows_BT[:, : positions[-1] + 1].T
        if together:
            bits_SPB = predict(tokens_TB, len(tokens_TB))[:, list(positions)]
        else:
            parts = [predict(tokens_TB[: read + 1], 1) for read in positions]
            bits_SPB = torch.cat(parts, 1)
        sums_SP.append(bits_SPB.sum(-1))
    return torch.stack(sums_SP).sum(0) / len(windows_WT)


def context_bits(predict: Predictor, windows_WT: Tensor, contexts: Sequence[int]) -> Tensor:
    """Bits of the last character of each window, of which only so many before it are read: SKW."""
    parts_SKB = []
    for windows_BT in torch.split(windows_WT, WINDOWS_AT_ONCE):
        parts = [predict(windows_BT[:, -(read + 1) :].T, 1) for read in contexts]
        parts_SKB.append(torch.cat(parts, 1))
    return torch.cat(parts_SKB, -1)


def network_bits(networks: TokenClassifier, begin: int, tokens_STB: Tensor, answers: int) -> Tensor:
    """−log₂ p of the last characters of each window, SAB; `begin` is read before the first."""
    first_S1B = torch.full_like(tokens_STB[:, :1], begin)
    read_STB = torch.cat([first_S1B, tokens_STB[:, :-1]], 1)
    scores_SABV = networks.over_last(read_STB, answers)
    targets_SAB = tokens_STB[:, -answers:]
    nats = torch.nn.functional.cross_entropy(
        scores_SABV.flatten(0, -2), targets_SAB.flatten(), reduction="none"
    )
    return BITS * nats.view(targets_SAB.shape)


class TextTraining(TaskTraining):
    """Every seed's network, trained with one learning rate."""

    finished = False  # there is always something left to learn

    def __init__(
        self,
        config: LanguageModelConfig,
        text: RunningText,
        learning_rate: float,
        device: torch.device,
    ) -> None:
        super().__init__(config, learning_rate, rate_work(config))
        self.config, self.device = config, device
        self.networks = TokenClassifier(
            config.architecture,
            self.generators("weights"),
            vocabulary=config.vocabulary,
            embedding_size=config.embedding_size,
            more=1,
        ).to(device)
        self.text_N = torch.from_numpy(text.training)
        self.draws = self.generators("training")
        self.lengths = torch.Generator().manual_seed(config.window)
        self.begin(self.networks)
        length, count = config.longest_context + 1, config.tested_windows
        held_out = (
            text.windows("validation", config.window, config.validated_windows),
            text.windows("test", length, count),
        )
        self.validation_WT, self.test_WT = (torch.from_numpy(w).to(device) for w in held_out)
        self._losses: list[Tensor] = []
        self._best = [math.inf] * config.seeds
        self._weights = [parameter.detach().clone() for parameter in self.networks.parameters()]
        """Of each seed those with which it needed the fewest validation bits."""

    def losses_of_step(self, step: int) -> Tensor:
        """Mean bits of the characters of windows that begin anywhere, S."""
        config, length = self.config, self.config.window
        if config.looks_ahead:
            length = int(torch.randint(1, length + 1, (), generator=self.lengths))
        ends = len(self.text_N) - length + 1
        starts_SB = torch.stack(
            [torch.randint(ends, (config.batch_size,), generator=one) for one in self.draws]
        )
        tokens_STB = self.text_N[starts_SB[:, None] + torch.arange(length)[:, None]]
        answers = 1 if config.looks_ahead else length
        bits_SAB = self._bits(tokens_STB.to(self.device), answers)
        losses_S = bits_SAB.mean((1, 2))
        self._losses.append(losses_S.detach())
        return losses_S

    def _bits(self, tokens_STB: Tensor, answers: int) -> Tensor:
        return network_bits(self.networks, self.config.vocabulary, tokens_STB, answers)

    @torch.no_grad()
    def predict(self, tokens_TB: Tensor, answers: int) -> Tensor:
        """All seeds read the same characters."""
        return self._bits(tokens_TB.expand(len(self.seeds), *tokens_TB.shape), answers)

    def validate(self) -> Iterator[TrainingRow]:
        """Bits in windows as long as those of training; of what looks ahead at their ends."""
        config = self.config
        if config.looks_ahead:
            bits_S = context_bits(self.predict, self.validation_WT, [config.window - 1])[:, 0].mean(
                -1
            )
        else:
            every = range(config.window)
            bits_S = position_bits(self.predict, self.validation_WT, every, together=True).mean(-1)
        trained_S = torch.stack(self._losses).mean(0)
        self._losses.clear()
        measured = [finite(bits) for bits in bits_S.tolist()]
        self._keep(measured)
        for seed, bits, trained in zip(self.seeds, measured, trained_S.tolist(), strict=True):
            step = self.trainer.step
            yield TrainingRow(self.learning_rate, seed, step, bits, finite(trained))

    def _keep(self, measured: Sequence[float | None]) -> None:
        """Keep the weights of those seeds that need fewer bits than ever before. One whose loss is
        not finite has diverged, whatever it was before."""
        for index, bits in enumerate(measured):
            if bits is not None and bits < self._best[index]:
                self._best[index] = bits
                for kept, parameter in zip(self._weights, self.networks.parameters(), strict=True):
                    kept[index] = parameter.detach()[index]
        self.validated = [
            None if bits is None else best for bits, best in zip(measured, self._best, strict=True)
        ]

    def attempts(self) -> list[Attempt]:
        """What every seed came to on the test windows, with its best weights."""
        config, windows_WT = self.config, self.test_WT
        for kept, parameter in zip(self._weights, self.networks.parameters(), strict=True):
            parameter.data.copy_(kept)
        positions_SP = position_bits(
            self.predict, windows_WT, config.positions, together=not config.looks_ahead
        )
        contexts_SKW = context_bits(self.predict, windows_WT, config.contexts).cpu().double()
        is_finite_S = positions_SP.isfinite().all(-1).cpu() & contexts_SKW.isfinite().flatten(
            1
        ).all(-1)
        return [
            Attempt(
                self.learning_rate,
                seed,
                validated if is_finite else None,
                pack(positions_P, contexts_KW) if is_finite else (),
            )
            for seed, validated, is_finite, positions_P, contexts_KW in zip(
                self.seeds,
                self.validated,
                is_finite_S.tolist(),
                positions_SP.tolist(),
                contexts_SKW.numpy(),
                strict=True,
            )
        ]


class Counts(NamedTuple):
    """What the counting models need on the test windows, in bits."""

    order: int
    """The one that is best on validation text."""
    bits: float
    """With it, of the windows' last characters."""
    positions_P: list[float]
    """With it, or the context that there is, at each position."""
    contexts_K: list[float | None]
    """Of the windows' last characters with each context; None beyond the longest counted."""


def counted(config: LanguageModelConfig, text: RunningText) -> Counts:
    """Count in training what follows, and predict the test windows."""
    most = min(MAX_ORDER, config.longest_context)
    validated, tested = (
        counted_bits(text.training, part, config.vocabulary, most)
        for part in (text.validation, text.test)
    )
    order = int(validated.mean(1).argmin())
    starts = text.starts("test", config.longest_context + 1, config.tested_windows)
    ends = starts + config.longest_context
    return Counts(
        order,
        float(tested[order, ends].mean()),
        [float(tested[min(p, order), starts + p].mean()) for p in config.positions],
        [float(tested[k, ends].mean()) if k <= most else None for k in config.contexts],
    )


def position_rows(
    config: LanguageModelConfig, attempt: Attempt, counts: Counts
) -> Iterator[PositionRow]:
    """A seed's bits at every position, beside the references."""
    known = attempt.validation is not None
    bits_P = unpack(config, attempt.tested).positions_P.tolist() if known else counts.positions_P
    places = zip(config.positions, bits_P, counts.positions_P, strict=True)
    for position, bits, by_counts in places:
        yield PositionRow(
            seed=attempt.seed,
            position=position,
            bits=bits if known else None,
            counted=by_counts,
            uniform=math.log2(config.vocabulary),
        )


def context_rows(
    config: LanguageModelConfig, attempt: Attempt, counts: Counts
) -> Iterator[ContextRow]:
    """A seed's bits with every context, and what each gains."""
    tested = None if attempt.validation is None else unpack(config, attempt.tested)
    for index, context in enumerate(config.contexts):
        yield ContextRow(
            seed=attempt.seed,
            context=context,
            bits=None if tested is None else tested.contexts_K[index],
            gain=MISSING if tested is None else tested.gains[index],
            counted=counts.contexts_K[index],
        )


def context_that_helps(contexts: Sequence[int], gains: Sequence[Estimate]) -> int:
    """The longest context such that it and every shorter one gain more than nothing, with their
    whole intervals; the first has none before it.

    0, 1, 2, 4: –, 0.9–1.1, 0.2–0.4, −0.1–0.1 → 2
    """
    helping = contexts[0]
    for context, gain in zip(contexts[1:], gains[1:], strict=True):
        if gain.low is None or gain.low <= 0:
            break
        helping = context
    return helping


def seed_row(config: LanguageModelConfig, attempt: Attempt) -> SeedRow:
    """What a seed came to; nothing where it diverged."""
    row = SeedRow(attempt.seed, attempt.learning_rate, None, None, None, None)
    if attempt.validation is None:
        return row
    tested = unpack(config, attempt.tested)
    bits = dict(zip(config.contexts, tested.contexts_K, strict=True))
    return replace(
        row,
        bits=bits[config.longest_context],
        context=context_that_helps(config.contexts, tested.gains),
        one_bits=bits[1],
        no_bits=bits[0],
    )


def summarise(
    config: LanguageModelConfig,
    text: RunningText,
    attempts: Sequence[Attempt],
    seeds: Sequence[SeedRow],
    counts: Counts,
) -> LanguageModelSummary:
    """The summary over seeds; those that diverged are left out."""
    known = [row for row in seeds if row.context is not None]
    rates = validation_by_rate(attempts, diverged=math.inf)
    windows = text.windows("test", config.longest_context + 1, config.tested_windows)
    return LanguageModelSummary(
        bits=mean_estimate(row.bits for row in known),
        context=MAJORITY.estimate([float(row.context or 0) for row in known]),
        one_bits=mean_estimate(row.one_bits for row in known),
        no_bits=mean_estimate(row.no_bits for row in known),
        counted_bits=counts.bits,
        counted_context=counts.order,
        uniform_bits=math.log2(config.vocabulary),
        unknown=100 * fmean((windows[:, -1] == UNKNOWN).tolist()),
        repeated=text.repeated(windows),
        carried=config.carried,
        parameters=config.parameters,
        reported_learning_rate=fewest_bits_rate(attempts),
        characters=len(text.training),
        context_by_seed=", ".join(
            f"≥ {row.context}" if row.context == config.longest_context else str(row.context)
            for row in known
        ),
        diverged=", ".join(f"seed {row.seed}" for row in seeds if row.context is None),
        rates_tried=", ".join(f"{rate:g}: {bits:.3g}" for rate, bits in rates.items()),
    )
