"""A tiny experiment for tests of everything around experiments: squares, and trouble on request."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field

from core.experiment import Config, Event, Experiment, Progress, Row, axis, measure, note, seed_axis
from core.stats.estimates import Estimate
from core.store.tracking import Store


class ToyConfig(Config):
    count: int = Field(4, ge=0, le=10_000, title="Count", description="Rows.")
    fail_after: int | None = Field(None, ge=0, le=10_000, title="Fail after", description="Rows.")
    stop_after: int | None = Field(None, ge=0, le=10_000, title="Stop after", description="Rows.")
    infinite: bool = Field(False, title="Infinite", description="Whether the last value is inf.")

    @property
    def features(self) -> int:
        return 5


@dataclass(frozen=True)
class SquareRow(Row):
    table: ClassVar[str] = "squares"
    title: ClassVar[str] = "Squares"

    phase: int = axis("Phase", latest=True)
    part: str = axis("Part")
    seed: int = seed_axis()
    number: int = axis("Number", unit="steps", curve=True)
    square: float | None = measure("Square", unit="steps²", better="higher")


@dataclass(frozen=True)
class ToySummary(Row):
    table: ClassVar[str] = "summary"
    title: ClassVar[str] = "Summary"

    mean: Estimate = measure("Mean", unit="steps²", better="higher")
    rows: int = measure("Rows")
    remark: str = note("Remark")


def measure(config: ToyConfig) -> Iterator[Event]:
    for number in range(config.count):
        if number == config.fail_after:
            raise RuntimeError("asked to fail")
        if number == config.stop_after:
            os.kill(os.getpid(), signal.SIGTERM)
        value = float("inf") if config.infinite and number == config.count - 1 else number**2.0
        yield SquareRow(0, "whole", config.seed, number, value)
        yield Progress(number + 1, config.count, f"number {number}")
    yield ToySummary(Estimate(2.5, 1.0, 4.0, config.count), config.count, "all of them")


TOY = Experiment(
    name="toy",
    title="Toy",
    question="What are the squares?",
    config=ToyConfig,
    rows=(SquareRow, ToySummary),
    module="tests.toy",
    sentence=lambda config, summary: f"{config.count} squares, {summary['mean']} on average.",
    work=lambda config: float(config.count),
    presets={"short": {"count": 1}},
)


def bytes_of(store: Store, run_id: str, path: str) -> bytes | None:
    """The content of a run's artifact, None if it has none."""
    with store.artifact(run_id, path) as file:
        return None if file is None else file.read_bytes()
