"""The networks of `two-sided-context`: their inputs, their targets and their training.

Seed i of a run draws weights, training, validation and test sequences each from a generator of its
own. So a seed starts from the same weights at every look-ahead, every network of it reads the same
sequences, and it is the same whether alone or among others.

Shapes: N networks, S seeds, T time, B batch, V tokens, H output of the recurrent layers, C tags.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any, Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn

from core.experiment import Event, Progress
from core.experiments.two_sided_context.declaration import (
    VALIDATION_SEQUENCES,
    ContextRow,
    Group,
    Member,
    TrainingRow,
    TwoSidedContextConfig,
    group_work,
)
from core.models.recurrent import Recurrent, forward_batched
from core.stats.estimates import MISSING, finite, mean_estimate
from core.tasks.tag_rules import chance, chance_without_memory
from core.tasks.tagging import UNCOUNTED, Tagging
from core.training import Throttle, Trainer, evenly_spaced

Purpose = Literal["weights", "training", "validation", "test"]


def generator(seed: int, purpose: Purpose) -> torch.Generator:
    """The generator of a seed for one purpose."""
    purposes = get_args(Purpose)
    return torch.Generator().manual_seed(len(purposes) * seed + purposes.index(purpose))


class Taggers(nn.Module):
    """Recurrent layers and a linear readout of every step's output: N networks side by side."""

    def __init__(self, config: TwoSidedContextConfig, group: Group) -> None:
        super().__init__()
        self.group = group
        generators = [generator(member.seed, "weights") for member in group.members]
        self.recurrent = Recurrent(
            group.architecture, config.features, implementation="equations", generators=generators
        )
        width = group.architecture.directions * group.architecture.hidden_size
        tags = Tagging(config.rule, config.tokens).tags
        bound = 1 / math.sqrt(width)
        readout_NHC = torch.empty(len(generators), width, tags)
        for readout_HC, drawn in zip(readout_NHC, generators, strict=True):
            readout_HC.uniform_(-bound, bound, generator=drawn)
        self.readout_NHC = nn.Parameter(readout_NHC)
        self.bias_NC = nn.Parameter(torch.zeros(len(generators), tags))

    def forward(self, x_NTBV: Tensor) -> Tensor:
        """Scores of each tag at every step, NTBC."""
        output_NTBH = forward_batched(self.recurrent, x_NTBV.to(self.bias_NC))
        scores = torch.baddbmm(self.bias_NC[:, None], output_NTBH.flatten(1, 2), self.readout_NHC)
        return scores.view(*output_NTBH.shape[:3], -1)


class TaggingTask:
    """The inputs and targets of each network of a group."""

    def __init__(
        self, config: TwoSidedContextConfig, members: Sequence[Member], device: torch.device
    ) -> None:
        self.tagging, self.steps = Tagging(config.rule, config.tokens), config.sequence_length
        self.members, self.device = members, device
        self.seeds = sorted({member.seed for member in members})
        self.seed_N = torch.tensor([self.seeds.index(m.seed) for m in members], device=device)
        counted = [self.steps - member.look_ahead for member in members]
        self.counted_N = torch.tensor(counted, device=device)
        """Steps that have a token so far ahead."""

    def generators(self, purpose: Purpose) -> list[torch.Generator]:
        """One per seed."""
        return [generator(seed, purpose) for seed in self.seeds]

    def draw(self, sequences: int, generators: Sequence[torch.Generator]) -> Tensor:
        """Tokens of every seed, STB."""
        drawn = [self.tagging.draw(self.steps, sequences, one) for one in generators]
        return torch.stack(drawn).to(self.device)

    def read(self, tokens_STB: Tensor) -> Tensor:
        """What each network reads: its seed's tokens, one-hot, NTBV."""
        return nn.functional.one_hot(tokens_STB, self.tagging.tokens).float()[self.seed_N]

    def targets(self, tokens_STB: Tensor) -> Tensor:
        """The tag that each network must give at every step, NTB; `delayed`, d steps later."""
        tags = []
        for member, seed in zip(self.members, self.seed_N.tolist(), strict=True):
            tags_TB = self.tagging.tag(tokens_STB[seed], member.look_ahead)
            delay = member.look_ahead if member.network == "delayed" else 0
            # roll moves the steps that are not counted to the start.
            tags.append(tags_TB.roll(delay, dims=0))
        return torch.stack(tags)

    def losses(self, scores_NTBC: Tensor, target_NTB: Tensor) -> Tensor:
        """Cross-entropy of each network in nats per tag that counts, N."""
        losses = nn.functional.cross_entropy(
            scores_NTBC.flatten(0, 2),
            target_NTB.flatten(),
            reduction="none",
            ignore_index=UNCOUNTED,
        )
        batch = target_NTB.shape[-1]
        return losses.view(target_NTB.shape).sum((1, 2)) / (self.counted_N * batch)


class EvalResult(NamedTuple):
    """How well each network does on some sequences."""

    losses_N: list[float]
    """Nats per tag; not finite where a network has diverged."""
    accuracies_NB: list[list[float]]
    """Percent of each sequence's tags that are right."""


class TaggerTraining:
    """Training all networks of a group, each on its own loss."""

    def __init__(self, config: TwoSidedContextConfig, group: Group, device: torch.device) -> None:
        self.config, self.group = config, group
        self.name = " and ".join(dict.fromkeys(member.network for member in group.members))
        """The networks that are trained: `itself and delayed`."""
        self.taggers = Taggers(config, group).to(device)
        self.task = TaggingTask(config, group.members, device)
        self.generators = self.task.generators("training")
        self.trainer = Trainer(
            list(self.taggers.parameters()),
            self._losses_of_step,
            steps=config.training_steps,
            learning_rate=config.learning_rate,
            clip=config.clip,
            schedule="cosine",
            seeds=len(group.members),
        )

    def _losses_of_step(self, _: int) -> Tensor:
        tokens_STB = self.task.draw(self.config.batch_size, self.generators)
        scores_NTBC = self.taggers(self.task.read(tokens_STB))
        return self.task.losses(scores_NTBC, self.task.targets(tokens_STB))

    def events(self, done: float, total: float) -> Iterator[Event]:
        """Take the steps that are left; a row per network at every validation."""
        config, throttle = self.config, Throttle()
        tokens_STB = self.task.draw(VALIDATION_SEQUENCES, self.task.generators("validation"))
        validation_steps = evenly_spaced(config.training_steps, config.validations)
        step_work = group_work(config, self.group)[0] / config.training_steps
        for trained in self.trainer:
            step = trained.step
            if step in validation_steps:
                result = self.evaluate(tokens_STB)
                for member, loss, accuracies in zip(self.group.members, *result, strict=True):
                    known = finite(loss)
                    yield TrainingRow(
                        network=member.network,
                        look_ahead=member.look_ahead,
                        seed=member.seed,
                        training_step=step,
                        loss=known,
                        accuracy=None if known is None else sum(accuracies) / len(accuracies),
                    )
            if throttle.due():
                message = f"{self.name}, training step {step:,}"
                yield Progress(done + step_work * step, total, message)

    def test(self) -> list[ContextRow]:
        """Rows of every network on the test sequences."""
        sequences = self.config.tested_sequences
        result = self.evaluate(self.task.draw(sequences, self.task.generators("test")))
        return [
            ContextRow(
                network=member.network,
                seed=member.seed,
                look_ahead=member.look_ahead,
                accuracy=MISSING if finite(loss) is None else mean_estimate(accuracies),
                chance=self._chance(member),
                hidden_size=self.group.architecture.hidden_size,
                parameters=sum(parameter[0].numel() for parameter in self.taggers.parameters()),
            )
            for member, loss, accuracies in zip(self.group.members, *result, strict=True)
        ]

    def _chance(self, member: Member) -> float:
        """What needs neither sight of the token ahead nor, of a delayed network, memory."""
        best = chance_without_memory if member.network == "delayed" else chance
        return best(self.config.rule, self.config.tokens, member.look_ahead)

    @torch.no_grad()
    def evaluate(self, tokens_STB: Tensor) -> EvalResult:
        """Loss and accuracy of every network on its seed's sequences, a batch at a time."""
        task, sequences = self.task, tokens_STB.shape[-1]
        losses, accuracies = [], []
        for part_STB in torch.split(tokens_STB, max(self.config.batch_size, 32), dim=-1):
            scores_NTBC, target_NTB = self.taggers(task.read(part_STB)), task.targets(part_STB)
            right_NTB = scores_NTBC.argmax(-1) == target_NTB
            accuracies.append(100 * right_NTB.sum(1) / task.counted_N[:, None])
            losses.append(task.losses(scores_NTBC, target_NTB) * part_STB.shape[-1] / sequences)
        # Part by part: torch's sum over a first axis depends on how many networks there are.
        losses_N, accuracies_NB = reduce(torch.add, losses), torch.cat(accuracies, dim=-1)
        return EvalResult(losses_N.tolist(), accuracies_NB.tolist())

    def state(self) -> dict[str, Any]:
        """Everything that the rest of training depends on."""
        return {
            "taggers": self.taggers.state_dict(),
            "trainer": self.trainer.state(),
            "feed": [generator.get_state() for generator in self.generators],
        }

    def load(self, state: dict[str, Any]) -> None:
        """Resume from what `state` returned."""
        self.taggers.load_state_dict(state["taggers"])
        self.trainer.load(state["trainer"])
        for generator, saved in zip(self.generators, state["feed"], strict=True):
            generator.set_state(saved)
