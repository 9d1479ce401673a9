"""What the Cell explorer computes, kept for as long as somebody may come back to it.

Only here and in `translate.models` does the dashboard load torch, when a page first needs it.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import pandas

from core.experiment import Row
from core.experiments.gradient_decay.declaration import GradientDecaySummary
from core.explorer.exploration import Exploration, Part
from core.formatting import listed
from dashboard.views.translate import models

if TYPE_CHECKING:
    from core.explorer.networks import Networks
    from core.explorer.stepping import SteppedCell


MAX_NETWORKS, MAX_CURVES = 8, 64
"""Kept in memory: eight networks of 128 units take 5 MB each, a curve 50 kB."""


class Start(NamedTuple):
    """A part of a finished run's model."""

    uri: str
    run_id: str
    part: Part


class Subject(NamedTuple):
    """A cell to explore, its label, and the variant that decides its colour."""

    label: str
    variant: str
    exploration: Exploration
    start: Start | None = None
    """None for random weights."""


class Curve(NamedTuple):
    """The gradient by distance, seed by seed, and what follows from it."""

    rows: pandas.DataFrame
    decays: pandas.DataFrame
    """The decay rate of each seed."""
    summary: GradientDecaySummary


def load_torch() -> None:
    """Load torch with the modules that compute the results of this page."""
    models.load_torch()
    import core.explorer.networks
    import core.explorer.stepping  # noqa: F401


def curve(subject: Subject) -> Curve:
    """The gradient over several seeds. Raises `BadSetting` if a run's model cannot be loaded."""
    return _curve(subject.exploration, subject.start)


def stepped(subject: Subject) -> SteppedCell:
    """The first seed's network, stepped. Raises `BadSetting` if a run's model cannot be loaded."""
    return _stepped(subject.exploration, subject.start)


def shortest(subjects: Sequence[Subject]) -> int:
    """The least number of steps of a cell: a run may split a text into more tokens than letters."""
    return min(stepped(subject).steps for subject in subjects)


def example(subjects: Sequence[Subject]) -> str:
    """Which networks are stepped: that of a seed, a finished run's, or one of each."""
    fresh = {f"that of seed {s.exploration.config.seed}" for s in subjects if s.start is None}
    trained = {"a finished run's own" for s in subjects if s.start is not None}
    return listed([*fresh, *trained])


def table(rows: Sequence[Row]) -> pandas.DataFrame:
    """Rows of one type as a table."""
    return pandas.DataFrame([row.flat() for row in rows], columns=type(rows[0]).header())


@functools.lru_cache(maxsize=MAX_NETWORKS)
def _networks(exploration: Exploration, start: Start | None) -> Networks:
    from core.explorer.networks import fresh_networks, trained_networks

    if start is None:
        return fresh_networks(exploration)
    return trained_networks(models.translator(start.uri, start.run_id), start.part, exploration)


@functools.lru_cache(maxsize=MAX_CURVES)
def _curve(exploration: Exploration, start: Start | None) -> Curve:
    from core.explorer.networks import gradient_curve

    curve = gradient_curve(_networks(exploration, start))
    return Curve(table(curve.rows), table(curve.decays), curve.summary)


@functools.lru_cache(maxsize=MAX_NETWORKS)
def _stepped(exploration: Exploration, start: Start | None) -> SteppedCell:
    from core.explorer.stepping import SteppedCell

    return SteppedCell(_networks(exploration, start))
