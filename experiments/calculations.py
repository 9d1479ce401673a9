"""What a calculator computes with torch for whoever asks it: the Cell explorer's figures, and
translations by finished runs' models. What is costly to make again is kept.

Shapes: S seeds, K distances.
"""

from __future__ import annotations

import functools
import logging
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy

from core.experiments.length_quality.translation import Translation
from core.experiments.length_quality.translator import Translator
from core.explorer.exploration import Exploration, KeptRow, Start
from core.explorer.networks import (
    GradientCurve,
    Networks,
    fresh_networks,
    gradient_curve,
    gradient_curves,
    trained_networks,
    training_snapshots,
)
from core.explorer.results import ZEROS, Curve, Position, Singular, Stepped, as_table
from core.explorer.stepping import SteppedCell
from core.explorer.stepping import calculations as calculations_of
from core.models.registry import cell_kind
from core.settings import BadSetting
from core.stats.estimates import Estimate, mean_estimate
from core.store.folder import StoreError
from core.store.tracking import open_store

LOG = logging.getLogger("unroll.calculator")

MAX_NETWORKS, MAX_MODELS = 8, 8
"""Kept in memory: eight networks of 128 units, one entry, take 5 MB, a model some megabytes."""


def loaded() -> bool:
    """True: by the time this answers, torch and all else is loaded."""
    return True


def translate(uri: str, run_id: str, text: str, width: int) -> Translation:
    """The translation of a source by a run's model. Raises `BadSetting` if it cannot translate."""
    return _translator(uri, run_id).translate(text, width)


def require_model(uri: str, run_id: str) -> bool:
    """True. Raises `BadSetting` if a run has no model that can be loaded."""
    _translator(uri, run_id)
    return True


def curve(exploration: Exploration, start: Start | None) -> Curve:
    """The gradient over several seeds. Raises `BadSetting` if a run's model cannot be loaded."""
    with blamed(exploration):
        found = gradient_curve(_networks(exploration, start))
    return Curve(as_table(found.rows), as_table(found.decays), found.summary)


def family(
    exploration: Exploration,
    start: Start | None,
    setting: str,
    values: Sequence[float | None],
    measure: str,
) -> list[Position]:
    """The curves with a setting at each of these values, measured in one pass."""
    with blamed(exploration):
        networks = [_build(exploration.at(setting, value), start) for value in values]
        curves = gradient_curves(networks)
    return [_position(v, c, measure) for v, c in zip(values, curves, strict=True)]


def snapshots(exploration: Exploration, measure: str) -> list[Position]:
    """The curves of a cell with random weights while it is trained."""
    with blamed(exploration):
        return [
            _position(float(s.training_step), s.curve, measure, mean_estimate(s.losses))
            for s in training_snapshots(exploration.config)
        ]


def stepped(exploration: Exploration, start: Start | None) -> Stepped:
    """The first seed's network, stepped. Raises `BadSetting` if a run's model cannot be loaded."""
    with blamed(exploration):
        return _stepped(exploration, start).shown()


def calculations(exploration: Exploration, start: Start | None, step: int, unit: int) -> list[str]:
    """Each equation of a step with the values of a unit, in LaTeX."""
    with blamed(exploration):
        return list(calculations_of(_stepped(exploration, start), step, unit))


def kept(exploration: Exploration, start: Start | None, step: int) -> list[KeptRow]:
    """The share of each state that is kept, at this step and others."""
    with blamed(exploration):
        return _stepped(exploration, start).kept_rows(step)


def singular(exploration: Exploration, start: Start | None, step: int) -> Singular:
    """The singular values of the step Jacobian, at this step and others."""
    with blamed(exploration):
        return _stepped(exploration, start).singular(step)


@contextmanager
def blamed(exploration: Exploration) -> Iterator[None]:
    """What the code of a cell that somebody added raises becomes `BadSetting`; the log has the
    traceback."""
    try:
        yield
    except (BadSetting, StoreError):
        raise
    except Exception as error:
        kind = cell_kind(exploration.config.architecture.cell)
        if kind.version is None:
            raise
        LOG.exception("cell %s cannot be stepped", kind.name)
        reason = (str(error).splitlines() or ["without a message"])[0]
        raise BadSetting(
            f"{kind.title} cannot be stepped at this size ({type(error).__name__}: {reason})"
        ) from error


@functools.lru_cache(maxsize=MAX_MODELS)
def _translator(uri: str, run_id: str) -> Translator:
    with open_store(uri).model(run_id) as folder:
        if folder is None:
            raise BadSetting("this run has no saved model; run it again to have one")
        return Translator.load(folder)


@functools.lru_cache(maxsize=MAX_NETWORKS)
def _networks(exploration: Exploration, start: Start | None) -> Networks:
    return _build(exploration, start)


def _build(exploration: Exploration, start: Start | None) -> Networks:
    if start is None:
        return fresh_networks(exploration)
    return trained_networks(_translator(start.uri, start.run_id), start.part, exploration)


@functools.lru_cache(maxsize=MAX_NETWORKS)
def _stepped(exploration: Exploration, start: Start | None) -> SteppedCell:
    return SteppedCell(_networks(exploration, start))


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
