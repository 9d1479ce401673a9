"""How `two-sided-context` is measured: every network trained, then tested, then read on."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any

import torch

from core.architecture import Architecture
from core.device import device_sentence, resolve_device
from core.experiment import Checkpoint, Event, Progress, Row
from core.experiments.two_sided_context import (
    ContextRow,
    Network,
    RevisionRow,
    TrainingRow,
    TwoSidedContextConfig,
    TwoSidedContextSummary,
)
from core.experiments.two_sided_context_revisions import revision_rows
from core.experiments.two_sided_context_training import Course
from core.experiments.two_sided_context_work import group_work, groups, run_work
from core.models.seq2seq import Seq2SeqShape
from core.settings import BadSetting
from core.statistics import Estimate, mean_estimate
from core.tasks.tagging import Tagging

CHECKPOINT_SECONDS = 5.0
CHECKPOINT_SHARE = 0.02
"""Checkpoints take at most this share of the time: those of many networks come less often."""
GENERATES = "Yes, token by token"


def measure(config: TwoSidedContextConfig, checkpoint: bytes | None = None) -> Iterator[Event]:
    """Every group of networks; the summary comes last."""
    torch.set_num_threads(config.threads)
    device = resolve_device(config.device, "float32")
    yield Progress(0, run_work(config), device_sentence(device))
    study = Study(config, device)
    if checkpoint is not None:
        study.load(checkpoint)
    yield from study.events()
    yield summarise(config, [row for row in study.rows if isinstance(row, ContextRow)])


class Study:
    """The groups one after the other, and what was measured so far."""

    def __init__(self, config: TwoSidedContextConfig, device: torch.device) -> None:
        self.config, self.device = config, device
        self.groups = groups(config)
        self.rows: list[Row] = []
        self.finished = 0
        """Groups."""
        self._course: dict[str, Any] | None = None
        """The state that the next group's training goes on from."""
        self._keep_at = time.monotonic() + CHECKPOINT_SECONDS

    def events(self) -> Iterator[Event]:
        """Rows that were measured earlier, then everything that is left."""
        yield from self.rows
        total = run_work(self.config)
        works = [group_work(self.config, group) for group in self.groups]
        while self.finished < len(self.groups):
            course = Course(self.config, self.groups[self.finished], self.device)
            if self._course is not None:
                course.load(self._course)
            before = sum(works[: self.finished])
            for event in self._of_group(course, before, total):
                if isinstance(event, Row):
                    self.rows.append(event)
                yield event
            self.finished, self._course = self.finished + 1, None
            yield Checkpoint(self.saved(None))
            done = before + works[self.finished - 1]
            yield Progress(done, total, f"{course.name} measured")

    def _of_group(self, course: Course, done: float, total: float) -> Iterator[Event]:
        for event in course.events(done, total):
            yield event
            if isinstance(event, Progress) and time.monotonic() > self._keep_at:
                begun = time.monotonic()
                yield Checkpoint(self.saved(course))
                now = time.monotonic()
                self._keep_at = now + max(CHECKPOINT_SECONDS, (now - begun) / CHECKPOINT_SHARE)
        yield from course.test()
        if any(member.network == "itself" for member in course.group.members):
            yield from revision_rows(self.config, course.taggers)

    def saved(self, course: Course | None) -> bytes:
        """What was measured, and where the group in training is."""
        content = io.BytesIO()
        rows = [(row.table, asdict(row)) for row in self.rows]
        state = None if course is None else course.state()
        torch.save({"rows": rows, "finished": self.finished, "course": state}, content)
        return content.getvalue()

    def load(self, content: bytes) -> None:
        """Go on from what `saved` returned."""
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        self.rows = [restored(table, values) for table, values in state["rows"]]
        self.finished, self._course = state["finished"], state["course"]


def restored(table: str, values: dict[str, Any]) -> Row:
    """A row from its fields."""
    kinds: tuple[type[Row], ...] = (TrainingRow, ContextRow, RevisionRow)
    kind = next(kind for kind in kinds if kind.table == table)
    estimates = {c.name: Estimate(**values[c.name]) for c in kind.columns() if c.estimate}
    return kind(**{**values, **estimates})


def generates(architecture: Architecture) -> str:
    """Whether a decoder of this architecture can write, asked of the decoder itself."""
    try:
        Seq2SeqShape(architecture, architecture, "none", 1, 1, 1)
    except BadSetting as refusal:
        return f"No: {refusal}"
    return GENERATES


def summarise(config: TwoSidedContextConfig, rows: Sequence[ContextRow]) -> TwoSidedContextSummary:
    """Every seed's mean, lowest and highest accuracy where it must look ahead; then over seeds."""

    def over_seeds(
        network: Network, statistic: Callable[[list[float]], float], *, ahead: bool = True
    ) -> Estimate:
        """A seed with a network that diverged has none."""
        of_seed: dict[int, list[float]] = {}
        for row in rows:
            if row.network == network and (row.look_ahead > 0) == ahead:
                value = math.nan if row.accuracy.value is None else row.accuracy.value
                of_seed.setdefault(row.seed, []).append(value)
        whole = (found for found in of_seed.values() if not any(map(math.isnan, found)))
        return mean_estimate(map(statistic, whole))

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
        chance=Tagging(config.rule, config.tokens).chance(config.furthest),
        output_size=config.architecture.directions * config.architecture.hidden_size,
        parameters=itself.parameters,
        wider_hidden_size=None if wider is None else wider.hidden_size,
        wider_parameters=None if wider is None else wider.parameters,
        generates=generates(config.architecture),
    )
