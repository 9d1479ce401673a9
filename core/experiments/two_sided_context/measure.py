"""How `two-sided-context` is measured: training, test, and revisions of tags.

A network that generates emits every token before the next one exists, and cannot revise it. So each
prefix of a sequence is tagged as if it were the whole, and compared with the tags of the whole: the
tags that differ are those that reading on revises.

Shapes: N networks, T time, B batch, V tokens, C tags, J tokens read on, P positions.
"""

from __future__ import annotations

import copy
import io
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from core.device import device_sentence, resolve_device
from core.experiment import Checkpoint, Event, Progress, Row
from core.experiments.two_sided_context.declaration import (
    ContextRow,
    Network,
    RevisionRow,
    TrainingRow,
    TwoSidedContextConfig,
    TwoSidedContextSummary,
    group_work,
    groups,
    work,
)
from core.experiments.two_sided_context.training import Taggers, TaggerTraining, TaggingTask
from core.models.architecture import Architecture
from core.models.seq2seq import Seq2SeqShape
from core.models.weights import load_state
from core.settings import BadSetting
from core.stats.estimates import Estimate, finite, median_estimate
from core.tasks.tag_rules import chance, chance_without_memory
from core.training import Checkpointer


def measure(config: TwoSidedContextConfig, checkpoint: bytes | None = None) -> Iterator[Event]:
    """Measure every group of networks; the summary comes last."""
    torch.set_num_threads(config.threads)
    device = resolve_device(config.device, "float32")
    yield Progress(0, work(config), device_sentence(device))
    study = ContextStudy(config, device)
    if checkpoint is not None:
        study.load(checkpoint)
    yield from study.events()
    yield summarise(config, [row for row in study.rows if isinstance(row, ContextRow)])


class ContextStudy:
    """The groups one after the other, and the rows measured so far."""

    def __init__(self, config: TwoSidedContextConfig, device: torch.device) -> None:
        self.config, self.device = config, device
        self.groups = groups(config)
        self.rows: list[Row] = []
        self.finished_groups = 0
        self._training: dict[str, Any] | None = None
        """The state from which the next group's training goes on."""
        self._checkpointer = Checkpointer()

    def events(self) -> Iterator[Event]:
        """Rows that were measured earlier, then everything that is left."""
        yield from self.rows
        config, total = self.config, work(self.config)
        works = [sum(group_work(config, group)) for group in self.groups]
        while self.finished_groups < len(self.groups):
            training = TaggerTraining(config, self.groups[self.finished_groups], self.device)
            if self._training is not None:
                training.load(self._training)
            done = sum(works[: self.finished_groups])
            for event in self._measure_group(training, done, total):
                if isinstance(event, Row):
                    self.rows.append(event)
                yield event
            self._training = None
            self.finished_groups += 1
            yield Checkpoint(self.save(None))
            done = sum(works[: self.finished_groups])
            yield Progress(done, total, f"{training.name} measured")

    def _measure_group(
        self, training: TaggerTraining, done: float, total: float
    ) -> Iterator[Event]:
        for event in training.events(done, total):
            yield event
            if isinstance(event, Progress):
                yield from self._checkpointer.events(lambda: self.save(training))
        yield from training.test()
        if any(member.network == "itself" for member in training.group.members):
            yield from revision_rows(self.config, training.taggers)

    def save(self, training: TaggerTraining | None) -> bytes:
        """The rows so far, and where the group in training is."""
        content = io.BytesIO()
        state = {
            "rows": [(row.table, asdict(row)) for row in self.rows],
            "finished": self.finished_groups,
            "course": None if training is None else training.state(),
        }
        torch.save(state, content)
        return content.getvalue()

    def load(self, content: bytes) -> None:
        """Resume from what `save` returned."""
        state = load_state(content)
        self.finished_groups, self._training = state["finished"], state["course"]
        kinds = {kind.table: kind for kind in (TrainingRow, ContextRow, RevisionRow)}
        for table, values in state["rows"]:
            kind = kinds[table]
            estimates = {c.name: Estimate(**values[c.name]) for c in kind.columns() if c.estimate}
            self.rows.append(kind(**{**values, **estimates}))


def revision_rows(config: TwoSidedContextConfig, taggers: Taggers) -> Iterator[RevisionRow]:
    """For the networks of the variant itself: percent of tags that will change, by tokens read on.

    In float64 and on the CPU: there rounding, which depends on how much is computed at once, does
    not decide between two tags.
    """
    members = taggers.group.members
    own = [index for index, member in enumerate(members) if member.network == "itself"]
    exact = copy.deepcopy(taggers).to("cpu", torch.float64)
    for parameter in exact.parameters():
        parameter.data = parameter.data[own]
    task = TaggingTask(config, [members[index] for index in own], torch.device("cpu"))
    tokens_STB = task.draw(32, task.generators("test"))
    # Two tokens more than are needed; of each sequence at most eight positions, from its start.
    furthest = min(config.furthest + 2, config.sequence_length - 1)
    positions = min(config.sequence_length - furthest, 8)
    percent_NJ = revised(exact, task.read(tokens_STB), positions, furthest)
    for member, percents in zip(task.members, percent_NJ.tolist(), strict=True):
        for read_on, percent in enumerate(percents):
            yield RevisionRow(
                look_ahead=member.look_ahead,
                seed=member.seed,
                read_on=read_on,
                revised=finite(percent),
            )


@torch.no_grad()
def revised(taggers: Taggers, x_NTBV: Tensor, positions: int, furthest: int) -> Tensor:
    """Percent of the first tags that the rest of the sequence will change, NJ; nan if diverged."""
    scores_NTBC = taggers(x_NTBV)
    whole_NPB = scores_NTBC[:, :positions].argmax(-1)
    changed_NJ = torch.zeros(len(x_NTBV), furthest + 1, dtype=torch.float64)
    for length in range(1, positions + furthest + 1):
        tags_NTB = taggers(x_NTBV[:, :length]).argmax(-1)
        for position in range(max(0, length - 1 - furthest), min(positions, length)):
            changed_NB = tags_NTB[:, position] != whole_NPB[:, position]
            changed_NJ[:, length - 1 - position] += changed_NB.sum(-1)
    changed_NJ[~scores_NTBC.isfinite().flatten(1).all(1)] = torch.nan
    return 100 * changed_NJ / (positions * x_NTBV.shape[2])


def summarise(config: TwoSidedContextConfig, rows: Sequence[ContextRow]) -> TwoSidedContextSummary:
    """Every seed's mean, lowest and highest accuracy where it must look ahead; then over seeds."""

    def over_seeds(
        network: Network, statistic: Callable[[list[float]], float], *, ahead: bool = True
    ) -> Estimate:
        """The estimate over seeds; a seed with a network that diverged is left out."""
        by_seed: dict[int, list[float]] = {}
        for row in rows:
            if row.network == network and (row.look_ahead > 0) == ahead:
                value = math.nan if row.accuracy.value is None else row.accuracy.value
                by_seed.setdefault(row.seed, []).append(value)
        whole = (values for values in by_seed.values() if not any(map(math.isnan, values)))
        return median_estimate(map(statistic, whole))

    itself = next(row for row in rows if row.network == "itself")
    wider = next((row for row in rows if row.network == "wider"), None)
    return TwoSidedContextSummary(
        present_accuracy=over_seeds("itself", fmean, ahead=False),
        ahead_accuracy=over_seeds("itself", fmean),
        lowest_accuracy=over_seeds("itself", min),
        highest_accuracy=over_seeds("itself", max),
        wider_accuracy=over_seeds("wider", fmean),
        wider_highest_accuracy=over_seeds("wider", max),
        delayed_accuracy=over_seeds("delayed", fmean),
        chance=chance(config.rule, config.tokens, config.furthest),
        delayed_chance=(
            None
            if wider is None
            else chance_without_memory(config.rule, config.tokens, config.furthest)
        ),
        output_size=config.architecture.directions * config.architecture.hidden_size,
        parameters=itself.parameters,
        wider_hidden_size=None if wider is None else wider.hidden_size,
        wider_parameters=None if wider is None else wider.parameters,
        generates=generates(config.architecture),
    )


def generates(architecture: Architecture) -> str:
    """Whether a decoder of this architecture can generate, as `Seq2SeqShape` allows."""
    try:
        Seq2SeqShape(architecture, architecture, "none", 1, 1, 1)
    except BadSetting as refusal:
        return f"No: {refusal}"
    return "Yes, token by token"
