"""The training loop, for one network or for many seeds of it in one batched pass.

Each network's loss depends on its own parameters alone and Adam works element by element, so a
step on the sum of the losses is one independent step for every seed. The module also
decides after which steps to validate, and how often to report and to save.

Shapes: S seeds, T time, B batch, I input, C classes, P parameters, N = steps·B, D·H output of the
recurrent layers.
"""

from __future__ import annotations

import json
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import astuple
from typing import Any, Literal, NamedTuple, Protocol, cast, get_args

import numpy
import torch
from torch import Tensor, nn

from core.experiment import Checkpoint, Event, Progress, Row
from core.models.architecture import Architecture
from core.models.recurrent import Recurrent, forward_batched
from core.stats.learning_rates import Attempt

Schedule = Literal["constant", "cosine"]

Purpose = Literal["weights", "training", "validation", "test"]
"""What a generator of a seed draws."""


class LastStepClassifier(nn.Module):
    """Recurrent layers and a linear readout of their last output, one of each per seed."""

    def __init__(
        self, recurrent: Recurrent, classes: int, generators: Sequence[torch.Generator]
    ) -> None:
        super().__init__()
        self.recurrent = recurrent
        architecture = recurrent.architecture
        width = architecture.directions * architecture.hidden_size
        bound, like = 1 / math.sqrt(width), next(recurrent.parameters())
        readout_SHC = torch.empty(len(generators), width, classes, dtype=torch.float64)
        for readout_HC, generator in zip(readout_SHC, generators, strict=True):
            readout_HC.uniform_(-bound, bound, generator=generator)
        self.readout_SHC = nn.Parameter(readout_SHC.to(like))
        self.bias_SC = nn.Parameter(like.new_zeros(len(generators), classes))

    def forward(self, x_STBI: Tensor) -> Tensor:
        """Scores of each class after the last step, SBC."""
        return self.over_last(x_STBI, 1)[:, 0]

    def over_last(self, x_STBI: Tensor, steps: int) -> Tensor:
        """Scores of each class after each of the last steps, S(steps)BC."""
        output_STBH = forward_batched(self.recurrent, x_STBI)
        scores_SNC = self.read(output_STBH[:, -steps:].flatten(1, 2))
        return scores_SNC.view(len(scores_SNC), steps, -1, scores_SNC.shape[-1])

    def read(self, output_SNH: Tensor) -> Tensor:
        """Scores of each class by outputs of the recurrent layers, SNC."""
        return torch.baddbmm(self.bias_SC[:, None], output_SNH, self.readout_SHC)


class TokenClassifier(nn.Module):
    """Embeddings, recurrent layers and a linear readout of tokens, one of each per seed.

    A step reads the embeddings of its token and of those just before it, `tokens_read` in all.
    `more` tokens are read and are never an answer.
    """

    def __init__(
        self,
        architecture: Architecture,
        generators: Sequence[torch.Generator],
        *,
        vocabulary: int,
        embedding_size: int,
        tokens_read: int = 1,
        more: int = 0,
    ) -> None:
        super().__init__()
        features = tokens_read * embedding_size
        recurrent = Recurrent(
            architecture, features, implementation="equations", generators=generators
        )
        self.layers = LastStepClassifier(recurrent, vocabulary, generators)
        shape = vocabulary + more, embedding_size
        embedding_SCE = torch.stack(
            [torch.randn(shape, dtype=torch.float64, generator=one) for one in generators]
        )
        self.embedding_SCE = nn.Parameter(embedding_SCE.float())
        self.tokens_read = tokens_read

    def outputs(self, tokens_STB: Tensor) -> Tensor:
        """Output of the recurrent layers after each token, STBH."""
        rows = self.embedding_SCE.shape[1]
        row_S = rows * torch.arange(len(tokens_STB), device=tokens_STB.device)
        rows_STB = tokens_STB + row_S[:, None, None]
        x_STBE = nn.functional.embedding(rows_STB, self.embedding_SCE.flatten(0, 1))
        # A step reads the tokens before it too; before the first there is nothing.
        read = [
            nn.functional.pad(x_STBE, (0, 0, 0, 0, back, 0)) for back in range(self.tokens_read)
        ]
        x_STBI = torch.cat([part[:, : x_STBE.shape[1]] for part in read], -1)
        return forward_batched(self.layers.recurrent, x_STBI)

    def over_last(self, tokens_STB: Tensor, steps: int) -> Tensor:
        """Scores of each token after each of the last steps, S(steps)BC."""
        output_STBH = self.outputs(tokens_STB)[:, -steps:]
        scores_SNC = self.layers.read(output_STBH.flatten(1, 2))
        return scores_SNC.view(*output_STBH.shape[:3], -1)

    def at_steps(self, tokens_STB: Tensor, steps_SBN: Tensor) -> Tensor:
        """Scores of each token after these steps, SBNC."""
        output_STBH = self.outputs(tokens_STB)
        index_SNBH = steps_SBN.mT[..., None].expand(-1, -1, -1, output_STBH.shape[-1])
        read_SNBH = output_STBH.gather(1, index_SNBH)
        scores_SMC = self.layers.read(read_SNBH.flatten(1, 2))
        return scores_SMC.view(*read_SNBH.shape[:3], -1).transpose(1, 2)


def generators_of(keys: Iterable[tuple[int, ...]]) -> list[torch.Generator]:
    """A generator for each key, such as (seed, purpose), whatever the others are."""
    drawn = (numpy.random.SeedSequence(key).generate_state(1)[0] for key in keys)
    return [torch.Generator().manual_seed(int(number)) for number in drawn]


def cross_entropy_by_seed(scores_SBC: Tensor, target_SB: Tensor) -> Tensor:
    """Mean cross-entropy over each seed's samples (and steps, where there are more axes), S."""
    losses = nn.functional.cross_entropy(
        scores_SBC.flatten(0, -2), target_SB.flatten(), reduction="none"
    )
    return losses.view(len(target_SB), -1).mean(-1)


class TrainingStep(NamedTuple):
    """One step of training."""

    step: int
    """Counted from 1."""
    losses_S: Tensor
    """The loss of every network, before the step."""
    norms_S: Tensor
    """The norm of every network's whole gradient, before it is clipped."""


class Trainer:
    """Trains with Adam for a number of steps; resuming from a saved state gives the same result.

    `losses_of_step` is given the number of the step and returns the losses, S, or one loss. It
    must draw all that is random in a step from that number alone, or from generators of its own
    that are saved beside the state. `clip` limits the norm of each network's gradient (Pascanu et
    al. 2013). The learning rate is constant, or falls to zero along half a cosine. Parameters have
    a leading seed axis when `seeds` is given.
    """

    def __init__(
        self,
        parameters: Sequence[nn.Parameter],
        losses_of_step: Callable[[int], Tensor],
        *,
        steps: int,
        learning_rate: float,
        clip: float | None = None,
        schedule: Schedule = "constant",
        seeds: int | None = None,
    ) -> None:
        self.parameters, self.losses_of_step = parameters, losses_of_step
        self.steps, self.learning_rate, self.clip = steps, learning_rate, clip
        self.schedule, self.seeds, self.step = schedule, seeds, 0
        self.optimizer = torch.optim.Adam(parameters, lr=learning_rate)

    def __iter__(self) -> Iterator[TrainingStep]:
        """Yield the steps that are left, each taken when it is asked for."""
        while self.step < self.steps:
            yield self.advance()

    def advance(self) -> TrainingStep:
        self.step += 1
        self.optimizer.param_groups[0]["lr"] = self.rate_of(self.step)
        self.optimizer.zero_grad(set_to_none=True)
        losses_S = self.losses_of_step(self.step)
        torch.autograd.backward(losses_S.sum())
        norms_S = gradient_norms(self.parameters, self.seeds)
        if self.clip is not None:
            scale_gradients(self.parameters, (self.clip / norms_S).clamp(max=1.0), self.seeds)
        self.optimizer.step()
        return TrainingStep(self.step, losses_S.detach(), norms_S)

    @torch.no_grad()
    def narrow(self, indices: Sequence[int]) -> None:
        """Train only these networks from here on; their results stay the same."""
        for parameter in self.parameters:
            parameter.data = parameter.data[indices]
            moments = self.optimizer.state[parameter]
            for name in ("exp_avg", "exp_avg_sq"):
                moments[name] = moments[name][indices]
        self.seeds = len(indices)

    def rate_of(self, step: int) -> float:
        """The learning rate of a step."""
        if self.schedule == "constant":
            return self.learning_rate
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - 1) / self.steps))

    def state(self) -> dict[str, Any]:
        """The state for a checkpoint, without the model's own parameters."""
        return {"step": self.step, "optimizer": self.optimizer.state_dict()}

    def load(self, state: dict[str, Any]) -> None:
        """Resume from a state that `state` returned."""
        self.step = state["step"]
        self.optimizer.load_state_dict(state["optimizer"])


def gradient_norms(parameters: Sequence[nn.Parameter], seeds: int | None = None) -> Tensor:
    """Norm of each network's whole gradient, S; without `seeds` there is one network."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    if seeds is None:
        return torch.nn.utils.get_total_norm(gradients).reshape(1)
    parts_PS = [torch.linalg.vector_norm(g.flatten(1), dim=1) for g in gradients]
    # Row by row: down the columns torch adds in an order that depends on how many seeds there are.
    return cast(Tensor, torch.linalg.vector_norm(torch.stack(parts_PS, dim=1), dim=1))


@torch.no_grad()
def scale_gradients(
    parameters: Sequence[nn.Parameter], factors_S: Tensor, seeds: int | None = None
) -> None:
    """Multiply each network's gradient by its factor."""
    for parameter in parameters:
        if parameter.grad is not None:
            shape = (-1, *(1 for _ in parameter.shape[1:])) if seeds else ()
            parameter.grad.mul_(factors_S.view(shape))


class RateTraining(Protocol):
    """The training of every seed's network with one learning rate."""

    def events(self, done: float, total: float) -> Iterator[Event]:
        """Train, with rows and progress: so much of the whole work was done before."""

    def attempts(self) -> list[Attempt]:
        """What every seed came to."""


class TaskConfig(Protocol):
    """What the training of several seeds is set by."""

    @property
    def seed(self) -> int: ...

    @property
    def seeds(self) -> int: ...

    @property
    def training_steps(self) -> int: ...

    @property
    def clip(self) -> float | None: ...

    @property
    def validations(self) -> int: ...


class TaskTraining(ABC):
    """Every seed's network, trained with one learning rate on a task, and validated meanwhile.

    A subclass makes what it draws, and then calls `begin` with its networks.
    """

    trainer: Trainer

    def __init__(self, config: TaskConfig, learning_rate: float, work: float) -> None:
        self.setup, self.learning_rate, self.work = config, learning_rate, work
        self.seeds = range(config.seed, config.seed + config.seeds)
        self.validated: list[float | None] = [None] * config.seeds
        """What the last validation of each seed came to; None where its loss was not finite."""

    def generators(self, purpose: Purpose) -> list[torch.Generator]:
        """One for each seed."""
        return generators_of((seed, get_args(Purpose).index(purpose)) for seed in self.seeds)

    def begin(self, networks: nn.Module) -> None:
        """Make the trainer of these networks."""
        self.trainer = Trainer(
            list(networks.parameters()),
            self.losses_of_step,
            steps=self.setup.training_steps,
            learning_rate=self.learning_rate,
            clip=self.setup.clip,
            seeds=self.setup.seeds,
        )

    @abstractmethod
    def losses_of_step(self, step: int) -> Tensor:
        """The loss of every network on what it reads in this step, S."""

    @abstractmethod
    def validate(self) -> Iterator[Row]:
        """Judge every network, fill in `validated`, and yield a row for each."""

    @abstractmethod
    def attempts(self) -> list[Attempt]:
        """What every seed came to in the test."""

    @property
    def finished(self) -> bool:
        """Whether nothing is left to learn: by itself, when no seed makes a mistake."""
        return all(percent == 100 for percent in self.validated)

    def events(self, done: float, total: float) -> Iterator[Event]:
        """Train, with the rows of every validation: so much of the whole work was done before."""
        steps = self.setup.training_steps
        validations = evenly_spaced(steps, self.setup.validations)
        throttle, cost = Throttle(), self.work / steps
        while self.trainer.step < steps:
            step = self.trainer.advance().step
            if step in validations:
                yield from self.validate()
                if self.finished:
                    return
            if throttle.due():
                message = f"learning rate {self.learning_rate:g}, training step {step:,}"
                yield Progress(done + cost * step, total, message)


def at_every_rate(
    rates: Sequence[float],
    train: Callable[[float], RateTraining],
    row: type[Row],
    checkpoint: bytes | None,
    work: float,
) -> Generator[Event, None, list[Attempt]]:
    """Train with each learning rate, and save after each; return all attempts.

    What the checkpoint has is not repeated: its rows (of the type `row`) are yielded again. `work`
    is that of one rate.
    """
    rows: list[Row] = []
    attempts: list[Attempt] = []
    if checkpoint is not None:  # JSON keeps each float to the last bit
        state = json.loads(checkpoint)
        made = cast(Callable[..., Row], row)
        rows += [made(**dict(zip(row.header(), line, strict=True))) for line in state["rows"]]
        attempts += [
            Attempt(rate, seed, validation, tuple(tested))
            for rate, seed, validation, tested in state["attempts"]
        ]
    yield from rows
    for number, rate in enumerate(rates):
        if any(attempt.learning_rate == rate for attempt in attempts):
            continue
        training = train(rate)
        for event in training.events(number * work, len(rates) * work):
            if isinstance(event, row):
                rows.append(event)
            yield event
        attempts += training.attempts()
        state = {"rows": [one.flat() for one in rows], "attempts": [*map(astuple, attempts)]}
        yield Checkpoint(json.dumps(state).encode())
    return attempts


def evenly_spaced(steps: int, count: int) -> set[int]:
    """At most `count` of the steps 1 … `steps`, evenly spaced, the last one always among them."""
    return {max(1, round(index * steps / count)) for index in range(1, count + 1)}


class Throttle:
    """Limits how often something happens: once per `seconds`, and the first time immediately."""

    def __init__(self, seconds: float = 0.2) -> None:
        self.seconds = seconds
        self._last = -math.inf

    def due(self) -> bool:
        """Whether `seconds` have passed since this was last true; if so, start counting anew."""
        if time.monotonic() - self._last <= self.seconds:
            return False
        self.restart()
        return True

    def restart(self) -> None:
        """Count from now, as if it had just happened."""
        self._last = time.monotonic()


class Checkpointer:
    """Limits the cost of checkpoints: at most one per `seconds`, and at most `share` of the time.

    The first one is due `seconds` after creation. A checkpoint that takes long to save and to
    record makes the next one come later.
    """

    def __init__(self, seconds: float = 5.0, share: float = 0.02) -> None:
        self.seconds, self.share = seconds, share
        self._next = time.monotonic() + seconds

    def due(self) -> bool:
        """Whether a checkpoint may be saved now."""
        return time.monotonic() > self._next

    def events(self, save: Callable[[], bytes]) -> Iterator[Checkpoint]:
        """Yield a checkpoint of what `save` returns if one is due, else nothing."""
        if self.due():
            start = time.monotonic()
            yield Checkpoint(save())
            now = time.monotonic()
            self._next = now + max(self.seconds, (now - start) / self.share)
