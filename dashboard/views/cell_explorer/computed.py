"""What the Cell explorer computes, kept for as long as somebody may come back to it.

Only here and in `translate.models` does the dashboard load torch, when a page first needs it.

Shapes: S seeds, K distances.
"""

from __future__ import annotations

import functools
import logging
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy
import pandas

from core.experiment import Row
from core.experiments.gradient_decay.declaration import GradientDecaySummary
from core.explorer.exploration import Exploration, Part, Shift
from core.formatting import listed
from core.models.registry import cell_kind
from core.settings import BadSetting
from core.stats.estimates import Estimate, mean_estimate
from core.store.folder import StoreError
from dashboard.views.translate import models

if TYPE_CHECKING:
    from core.explorer.networks import GradientCurve, Networks
    from core.explorer.stepping import SteppedCell


LOG = logging.getLogger("unroll.dashboard")

MAX_NETWORKS, MAX_CURVES, MAX_FAMILIES = 8, 64, 32
"""Kept in memory: eight networks of 128 units take 5 MB each, a curve 50 kB, a family 2 MB."""


ZEROS = {"log10_input_gradient": "input_zeros", "log10_state_gradient": "state_zeros"}
"""Measure → the count of its norms that are exactly zero."""


SHIFT = "shift"
"""What a slider moves that adds to a parameter of a cell."""


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

    def at(self, setting: str, value: float | None) -> Subject:
        """The same cell with another value of a setting of its start."""
        exploration = self.exploration
        if setting == SHIFT and exploration.shift is not None:
            shift = Shift(exploration.shift.parameter, value or 0.0)
            return self._replace(exploration=replace(exploration, shift=shift))
        config = exploration.config
        architecture = config.architecture.model_copy(update={setting: value})
        config = config.model_copy(update={"architecture": architecture})
        return self._replace(exploration=replace(exploration, config=config))


class Curve(NamedTuple):
    """The gradient by distance, seed by seed, and what follows from it."""

    rows: pandas.DataFrame
    decays: pandas.DataFrame
    """The decay rate of each seed."""
    summary: GradientDecaySummary


class Position(NamedTuple):
    """The curve where a slider stands."""

    value: float | None
    """None is PyTorch's default."""
    log10_SK: numpy.ndarray[Any, Any]
    """The measure that is shown; nan where a norm is exactly zero or has overflowed."""
    zero_share: float
    """The share of the norms that are exactly zero."""
    left: float
    """log10 of the share of the gradient that reaches the start, median over the seeds; −∞ where
    it has vanished, ∞ where it has overflowed."""
    loss: Estimate | None = None
    """Held-out loss, while training."""


@contextmanager
def blamed(subject: Subject) -> Iterator[None]:
    """What the code of a cell that somebody added raises becomes `BadSetting`; the log has the
    traceback. Nothing else that a page does belongs inside."""
    try:
        yield
    except (BadSetting, StoreError):
        raise
    except Exception as error:
        kind = cell_kind(subject.exploration.config.architecture.cell)
        if kind.version is None:
            raise
        LOG.exception("cell %s cannot be stepped", kind.name)
        reason = (str(error).splitlines() or ["without a message"])[0]
        raise BadSetting(
            f"{kind.title} cannot be stepped at this size ({type(error).__name__}: {reason})"
        ) from error


def load_torch() -> None:
    """Load torch with the modules that compute the results of this page."""
    models.load_torch()
    import core.explorer.networks
    import core.explorer.stepping  # noqa: F401


def curve(subject: Subject) -> Curve:
    """The gradient over several seeds. Raises `BadSetting` if a run's model cannot be loaded."""
    with blamed(subject):
        return _curve(subject.exploration, subject.start)


def stepped(subject: Subject) -> SteppedCell:
    """The first seed's network, stepped. Raises `BadSetting` if a run's model cannot be loaded."""
    with blamed(subject):
        return _stepped(subject.exploration, subject.start)


def family(
    subject: Subject, setting: str, values: Sequence[float | None], measure: str
) -> list[Position]:
    """The curves with a setting at each of these values, measured in one pass."""
    asked = subject.at(setting, None if None in values else values[0])
    with blamed(subject):
        return _family(asked.exploration, subject.start, setting, tuple(values), measure)


def snapshots(subject: Subject, measure: str) -> list[Position]:
    """The curves of a cell with random weights while it is trained here."""
    with blamed(subject):
        return _snapshots(subject.exploration, measure)


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
    return _build(exploration, start)


def _build(exploration: Exploration, start: Start | None) -> Networks:
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


@functools.lru_cache(maxsize=MAX_FAMILIES)
def _family(
    exploration: Exploration,
    start: Start | None,
    setting: str,
    values: tuple[float | None, ...],
    measure: str,
) -> list[Position]:
    from core.explorer.networks import gradient_curves

    cell = Subject("", "", exploration)
    networks = [_build(cell.at(setting, value).exploration, start) for value in values]
    curves = gradient_curves(networks)
    return [_position(v, c, measure) for v, c in zip(values, curves, strict=True)]


@functools.lru_cache(maxsize=MAX_FAMILIES)
def _snapshots(exploration: Exploration, measure: str) -> list[Position]:
    from core.explorer.networks import training_snapshots

    return [
        _position(float(s.training_step), s.curve, measure, mean_estimate(s.losses))
        for s in training_snapshots(exploration.config)
    ]


def _position(
    value: float | None, curve: GradientCurve, measure: str, loss: Estimate | None = None
) -> Position:
    """A curve as an array: of a norm that is exactly zero or not finite there is no logarithm."""
    zeros = ZEROS[measure]
    logs = [
        numpy.nan if getattr(row, zeros) or row.overflows else getattr(row, measure)
        for row in curve.rows
    ]
    seeds = len({row.seed for row in curve.rows})
    log10_SK = numpy.array(logs, float).reshape(seeds, -1)
    over_SK = numpy.array([row.overflows > 0 for row in curve.rows]).reshape(seeds, -1)
    lost_S = numpy.where(over_SK[:, -1], numpy.inf, -numpy.inf)
    left_S = log10_SK[:, -1] - log10_SK[:, 0]
    left = statistics.median_low(numpy.where(numpy.isnan(left_S), lost_S, left_S).tolist())
    zero_share = sum(getattr(row, zeros) > 0 for row in curve.rows) / len(curve.rows)
    return Position(value, log10_SK, zero_share, left, loss)
