"""What the Cell explorer shows: computed with torch by the calculator beside the dashboard, and
kept for as long as somebody may come back to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from core.explorer.exploration import Exploration, KeptRow, Start
from core.explorer.results import Curve, Position, Singular, Stepped
from core.formatting import listed
from dashboard.store import cache

MAX_STEPPED, MAX_CURVES, MAX_FAMILIES = 16, 64, 32
"""Kept in memory: a stepped cell of 128 units takes 1 MB, a curve 50 kB, a family 500 kB."""


class Subject(NamedTuple):
    """A cell to explore, its label, and the variant that decides its colour."""

    label: str
    variant: str
    exploration: Exploration
    start: Start | None = None
    """None for random weights."""

    def at(self, setting: str, value: float | None) -> Subject:
        """The same cell with another value of a setting of its start."""
        return self._replace(exploration=self.exploration.at(setting, value))


def curve(subject: Subject) -> Curve:
    """The gradient over several seeds. Raises `BadSetting` if a run's model cannot be loaded, the
    cell cannot be stepped, or that takes too long; so does all that is computed below."""
    return _curve(subject.exploration, subject.start)


def stepped(subject: Subject) -> Stepped:
    """The first seed's network, stepped."""
    return _stepped(subject.exploration, subject.start)


def family(
    subject: Subject, setting: str, values: Sequence[float | None], measure: str
) -> Sequence[Position]:
    """The curves with a setting at each of these values, measured in one pass."""
    asked = subject.at(setting, None if None in values else values[0])  # the same at all of them
    return _family(asked.exploration, subject.start, setting, tuple(values), measure)


def snapshots(subject: Subject, measure: str) -> Sequence[Position]:
    """The curves of a cell with random weights while it is trained here."""
    return _snapshots(subject.exploration, measure)


def calculations(subject: Subject, step: int, unit: int) -> Sequence[str]:
    """Each equation of a step with the values of a unit, in LaTeX."""
    return _calculations(subject.exploration, subject.start, step, unit)


def kept(subject: Subject, step: int) -> Sequence[KeptRow]:
    """The share of each state that is kept, at this step and others."""
    return _kept(subject.exploration, subject.start, step)


def singular(subject: Subject, step: int) -> Singular:
    """The singular values of the step Jacobian, at this step and others."""
    return _singular(subject.exploration, subject.start, step)


def shortest(subjects: Sequence[Subject]) -> int:
    """The least number of steps of a cell: a run may split a text into more tokens than letters."""
    return min(stepped(subject).steps for subject in subjects)


def example(subjects: Sequence[Subject]) -> str:
    """Which networks are stepped: that of a seed, a finished run's, or one of each."""
    fresh = {f"that of seed {s.exploration.config.seed}" for s in subjects if s.start is None}
    trained = {"a finished run's own" for s in subjects if s.start is not None}
    return listed([*fresh, *trained])


_stepped: Callable[[Exploration, Start | None], Stepped]
_stepped = cache.calculated("stepped", MAX_STEPPED)

_curve: Callable[[Exploration, Start | None], Curve]
_curve = cache.calculated("curve", MAX_CURVES)

_family: Callable[
    [Exploration, Start | None, str, tuple[float | None, ...], str], Sequence[Position]
]
_family = cache.calculated("family", MAX_FAMILIES)

_snapshots: Callable[[Exploration, str], Sequence[Position]]
_snapshots = cache.calculated("snapshots", MAX_FAMILIES, "Training eight networks…")

_calculations: Callable[[Exploration, Start | None, int, int], Sequence[str]]
_calculations = cache.calculated("calculations", MAX_CURVES)

_kept: Callable[[Exploration, Start | None, int], Sequence[KeptRow]]
_kept = cache.calculated("kept", MAX_CURVES)

_singular: Callable[[Exploration, Start | None, int], Singular]
_singular = cache.calculated("singular", MAX_CURVES)
