"""Limits: what a layer may cost at most, or must keep at least, and whether it does.

    parse_limit("parameters <= 200k"), parse_limit("p99 <= 1 ms"), parse_limit("span >= 20"),
    parse_limit("streaming")

A limit is on a measure of the scorecard, so an experiment that declares one declares a limit, its
flag and its field; or it is a need, which a layer meets by what it is. What is counted is decided
by the number alone, an estimate by its interval, which must lie on one side of the limit. Where too
few repeats have no interval, all of them must agree, three at least. What was not measured keeps no
limit.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from core.experiment import Column, Experiment, Headline
from core.experiments import all_experiments
from core.formatting import counted, exact_number, interval, listed, quantity
from core.models.architecture import Architecture
from core.settings import AMOUNT_POWERS, BadSetting
from core.stats.estimates import AtLeast, Estimate

Fit = Literal["fits", "not decided", "not measured", "does not fit"]
"""From the best to the worst: a layer is as good as the worst of its findings."""

FITS: tuple[Fit, ...] = ("fits", "not decided", "not measured", "does not fit")

MIN_AGREEING = 3
"""Repeats without an interval that must all be on one side of a limit."""

SIGNS: Mapping[str, str] = {"<=": "≤", ">=": "≥"}

UNITS: tuple[Mapping[str, float], ...] = (
    {"µs": 1e-6, "us": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0},
    {
        **{"bytes": 1, "b": 1, "k": 1e3, "kb": 1e3, "m": 1e6, "mb": 1e6, "g": 1e9, "gb": 1e9},
        **{"ki": 2**10, "kib": 2**10, "mi": 2**20, "mib": 2**20, "gi": 2**30, "gib": 2**30},
    },
)
"""Units that are converted into each other."""

PATTERN = re.compile(r"(?P<name>[^<>=≤≥]+?)\s*(?P<sign><=|>=|≤|≥|=<|=>|<|>)\s*(?P<amount>.+)")

NUMBER = re.compile(
    r"(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d*)?(?:e[+-]?\d{1,2})?|\.\d+)\s*"
    r"(?P<unit>[^\W\d_]*|%)",
    re.IGNORECASE,
)


# --- Which measures can have a limit: every line of a scorecard.


def headlines(experiment: Experiment) -> tuple[Headline, ...]:
    """The declared headlines; if there are none, the first measure with a better direction."""
    if experiment.headlines:
        return experiment.headlines
    judged = [column for column in experiment.summary.columns() if column.better]
    return tuple(
        Headline(c.name, f"has the {'highest' if c.better == 'higher' else 'lowest'} {c.title}")
        for c in judged[:1]
    )


def scored(experiment: Experiment) -> tuple[Headline, ...]:
    """The lines of an experiment on a scorecard: its headlines, then what is not ranked."""
    return (*headlines(experiment), *(Headline(name, "") for name in experiment.unranked))


def scored_column(experiment: Experiment, name: str) -> Column:
    """The column of a line: what is not ranked has no better direction on a scorecard."""
    column = next(c for c in experiment.summary.columns() if c.name == name)
    return replace(column, better=None) if name in experiment.unranked else column


@functools.cache
def limitable() -> Mapping[str, Column]:
    """Name → column of every measure that a limit can be on, in the order of the scorecard."""
    return {
        headline.name: scored_column(experiment, headline.name)
        for experiment in all_experiments()
        for headline in scored(experiment)
    }


@dataclass(frozen=True)
class Finding:
    """Whether one layer keeps one limit."""

    limit: Limit | Need
    fit: Fit
    reason: str
    """Its value: `p99 latency 812 µs [790–830]`; or why there is none."""
    repeats: int | None = None
    """Where it is not decided: how many more repeats would decide it, if its values are what they
    seem; None where no number would."""
    longer: bool = False
    """Where it is not decided because the measurement ended before the limit was reached."""


@dataclass(frozen=True)
class Need:
    """What a layer must be able to do: it follows from its architecture, exactly."""

    name: str
    """As it is typed and as its flag is called: `both-sides`."""
    title: str
    description: str
    meets: Callable[[Architecture], bool]
    unlike: str
    """What is said of a layer that does not: completes `the LSTM …`."""
    measure = ""
    """A need is on no measure of the scorecard."""

    def __str__(self) -> str:
        """What an address and a command line hold."""
        return self.name

    @property
    def in_words(self) -> str:
        """`streaming`."""
        return self.title.lower()

    def finding_of(self, architecture: Architecture) -> Finding:
        """Judge a layer."""
        fits = self.meets(architecture)
        return Finding(self, "fits" if fits else "does not fit", "" if fits else self.unlike)


NEEDS: Mapping[str, Need] = {
    need.name: need
    for need in (
        Need(
            "streaming",
            "Streaming",
            "It can stream: an output at every step, from what came before it. One direction.",
            lambda architecture: not architecture.bidirectional,
            "needs the whole sequence",
        ),
        Need(
            "both-sides",
            "Both sides",
            "Every output knows what comes before and after it: two directions.",
            lambda architecture: architecture.bidirectional,
            "sees only what came before",
        ),
    )
}
"""Name → need."""


@dataclass(frozen=True)
class Limit:
    """The most, or the least, that a measure may be."""

    measure: str
    """The name of its column."""
    sign: Literal["<=", ">="]
    value: float
    """In the unit of the column."""

    @property
    def column(self) -> Column:
        """What is limited."""
        return limitable()[self.measure]

    @property
    def amount(self) -> str:
        """`200000`, `0.5`: the value as it is typed."""
        whole = float(self.value).is_integer() and abs(self.value) < 1e15
        return str(int(self.value)) if whole else repr(float(self.value))

    def __str__(self) -> str:
        """`latency_p99_us<=1000`: what an address and a command line hold."""
        return f"{self.measure}{self.sign}{self.amount}"

    @property
    def in_words(self) -> str:
        """`p99 latency ≤ 1,000 µs`."""
        return f"{name_of(self.column)} {SIGNS[self.sign]} {quantity(self.value, self.column.unit)}"

    def keeps(self, value: float) -> bool:
        """Whether a number is within the limit."""
        return value <= self.value if self.sign == "<=" else value >= self.value

    def finding(
        self, estimate: Estimate | None, values: Sequence[float], over: str = "run"
    ) -> Finding:
        """Judge a layer by its estimate and the values of its repeats; without an estimate it is
        not measured."""
        title, unit = name_of(self.column), self.column.unit
        if estimate is None:
            return Finding(self, "not measured", f"{title} is not measured")
        value = estimate.value
        if value is None:
            return Finding(self, "does not fit", f"no {title}")
        ends = interval(estimate)
        if not ends and len(values) >= MIN_AGREEING and not self.column.aggregation.exact:
            least, most = (exact_number(end(values)) for end in (min, max))
            range_of = f"{least} to {most} " if least != most else ""
            ends = f"({range_of}in {counted(len(values), over)})"
        elif ends:
            ends = f"[{ends}]"
        reason = f"{title} {quantity(value, unit)} {ends}".rstrip()
        bounds = self.column.aggregation.bounds(estimate, values)
        if self.column.aggregation.exact:
            decisive: Sequence[float] = (value,)
        elif bounds is not None and len(values) > 1:
            decisive = bounds
        elif len(values) >= MIN_AGREEING:
            decisive = values
        else:
            number = max(1, len(values))
            reason = f"{reason}, {counted(number, over)} only"
            return Finding(self, "not decided", reason, MIN_AGREEING - number)
        kept = {self.keeps(value) for value in decisive}
        if len(kept) == 1 and isinstance(max(decisive), AtLeast) and kept == {self.sign == "<="}:
            # What is at least so much may be more than the limit.
            return Finding(self, "not decided", f"{reason}; no more was tried", longer=True)
        if len(kept) > 1:
            return Finding(self, "not decided", reason, self._repeats(estimate, values))
        return Finding(self, "fits" if kept == {True} else "does not fit", reason)

    def _repeats(self, estimate: Estimate, values: Sequence[float]) -> int | None:
        """How many more repeats bring the interval to one side, if it shrinks as 1/√n around the
        value, on the scale of the measure; as many again where there is no interval."""
        low, value, high = estimate.low, estimate.value, estimate.high
        if value is None or low is None or high is None:
            return len(values)
        scale = self.column.aggregation.scale.forward
        end = high if self.value > value else low
        gap, half = (abs(scale(x) - scale(value)) for x in (self.value, end))
        if not (gap > 0 and math.isfinite(half / gap)):
            return None
        return max(1, math.ceil(len(values) * (half / gap) ** 2) - len(values))


AnyLimit = Limit | Need


def name_of(column: Column) -> str:
    """The title within a sentence: `p99 latency`, `recurrent parameters`."""
    first, _, rest = column.title.partition(" ")
    return f"{first.lower()} {rest}".strip() if first[1:].islower() else column.title


def worst(findings: Sequence[Finding]) -> Fit:
    """Whether a layer keeps all limits; it does where there are none."""
    return max((finding.fit for finding in findings), key=FITS.index, default="fits")


def usual_sign(column: Column) -> Literal["<=", ">="]:
    """The side on which a measure is usually limited: costs from above."""
    return ">=" if column.better == "higher" else "<="


def flag_dest(name: str) -> str:
    """Where the command line keeps the amount of a limit, or whether a need was given."""
    return f"limit_{name.replace('-', '_')}"


# --- Limits as people type them


def split_limit(text: str) -> tuple[str, Literal["<=", ">="], str]:
    """`p99 < 1 ms` → the measure's name, the side, and the amount as it was typed.

    Raises `BadSetting` with a sentence for what is on no measure, or on several.
    """
    match = PATTERN.fullmatch(text.strip())
    if match is None:
        raise BadSetting(
            f"limit is {text[:60]!r}; give a measure, <= or >=, and an amount, such as "
            f"'parameters<=200k' or 'p99<=1ms', or {listed([*NEEDS], 'or')}"
        )
    sign: Literal["<=", ">="] = "<=" if match["sign"] in ("<=", "=<", "<", "≤") else ">="
    return find_measure(match["name"]), sign, match["amount"]


def parse_limit(text: str) -> AnyLimit:
    """`parameters <= 200k`, `p99 < 1 ms`, `streaming` → a limit; `BadSetting` with a sentence
    otherwise.

    A measure is named by its column, or by words that only its name and title have.
    """
    if need := NEEDS.get("-".join(text.lower().split())):
        return need
    name, sign, amount = split_limit(text)
    return Limit(name, sign, parse_value(name, amount))


def find_measure(text: str, field: str = "limit is on") -> str:
    """The name of the one measure that is meant; `BadSetting` for none or several."""
    columns = limitable()
    words = text.lower().split()
    name = "_".join(words)
    if name in columns:
        return name
    fitting = [
        name
        for name, column in columns.items()
        if all(word in f"{name} {column.title}".lower() for word in words)
    ]
    if len(fitting) != 1:
        which = f"which fits {listed(fitting)}" if fitting else f"choose from {listed([*columns])}"
        raise BadSetting(f"{field} {text[:60]!r}; {which}")
    return fitting[0]


def parse_value(name: str, text: str) -> float:
    """`200k`, `1 ms`, `90%` → a number in the unit of the measure; `BadSetting` otherwise."""
    unit = limitable()[name].unit
    match = NUMBER.fullmatch(text.strip())
    if match is not None:
        number, given = float(match["number"].replace(",", "")), match["unit"]
        factors = next((units for units in UNITS if unit.lower() in units), {})
        if not given or given.lower() == unit.lower() or unit.startswith(given):
            return number
        if given.lower() in factors:
            # Rounded, because 1e-3 / 1e-6 is a little less than a thousand.
            return float(f"{number * factors[given.lower()] / factors[unit.lower()]:.12g}")
        if not factors and not unit.startswith("%") and given.lower() in AMOUNT_POWERS:
            return number * AMOUNT_POWERS[given.lower()]
    raise BadSetting(f"{name} is limited to {text[:40]!r}; give {allowed_amount(unit)}")


def allowed_amount(unit: str) -> str:
    """`an amount in µs, such as 1 ms`."""
    units = next((units for units in UNITS if unit.lower() in units), {})
    example = "1 ms" if "ms" in units else "256 kB" if units else "90%" if unit == "%" else "20"
    example = example if unit else "200k"
    in_unit = f" in {unit}" if unit else ""
    return f"an amount{in_unit}, such as {example}"


def parse_limits(texts: Sequence[str]) -> list[AnyLimit]:
    """The limits of some texts; of several on the same side of a measure, the strictest."""
    limits: dict[tuple[str, str], AnyLimit] = {}
    for limit in map(parse_limit, texts):
        if isinstance(limit, Need):
            limits[limit.name, ""] = limit
            continue
        side = limit.measure, limit.sign
        known = limits.get(side)
        if not isinstance(known, Limit) or known.keeps(limit.value):
            limits[side] = limit
    return list(limits.values())
