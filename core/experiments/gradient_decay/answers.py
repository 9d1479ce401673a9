"""What `gradient-decay` says of its results, beyond who is best; and its values seed by seed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from core.analysis.comparison import Comparison
from core.analysis.groups import Group
from core.experiment import Tables
from core.experiments.gradient_decay.declaration import GradientDecayConfig, GradientDecaySummary
from core.formatting import listed, number, shortened_list, spread
from core.measure import distances
from core.settings import Value, settings_of
from core.stats.aggregation import MEDIAN
from core.stats.estimates import MISSING, AtLeast, Estimate, half_life

if TYPE_CHECKING:
    import pandas

TOLERANCE = 1e-9
"""A rate this close to 1 is 1: an orthogonal recurrence differs from it by rounding alone."""
MAX_NAMED = 4
"""The most variants that a remark names."""
TIMES_AS_FAR = 2.0
"""Gates help if 1% of the gradient reaches this many times as far as in a plain RNN."""


class Fade(NamedTuple):
    """What is said of how a gradient fades, and over which range of distances."""

    steps: int
    """T."""
    half: Estimate
    percent: Estimate
    rate: Estimate
    """Asymptotic."""
    fit: Estimate
    """R² of the line that has this rate; missing where the curve is level."""
    change: Estimate
    """log10 of the norm at the end of the line's range over that at the loss."""
    zero_percent: float

    @property
    def straight(self) -> bool:
        """Whether a straight line describes the curve."""
        return self.fit.value is None or self.fit.value >= distances.STRAIGHT

    @property
    def course(self) -> str:
        """`fades` or `explodes` if the whole interval of the decay rate does, else `stays`.

        What explodes must also be larger at the end of the line's range than at the loss. `bends`
        where no line describes the curve: its slope is no rate then.
        """
        rate = self.rate
        if rate.value is None:
            return "unknown"
        if not self.straight:
            return "bends"
        if (rate.value if rate.high is None else rate.high) < 1 - TOLERANCE:
            return "fades"
        grows = (rate.value if rate.low is None else rate.low) > 1 + TOLERANCE
        grown = self.change.value is None or self.change.value > 0
        return "explodes" if grows and grown else "stays"

    @property
    def between(self) -> str:
        """`k = 10 to 60`."""
        first, last = distances.fitted_range(self.steps)
        return f"k = {first:,} to {last:,}"


def run_sentence(config: GradientDecayConfig, summary: Mapping[str, Any]) -> str:
    """`LSTM 64 · forget bias 2: half of the gradient is gone after 4.4 steps (…), 99% after …`."""
    settings = config.flat()
    estimates = {
        column.name: column.read(summary, settings)
        for column in GradientDecaySummary.columns()
        if column.role == "measure"
    }
    fade = _fade(estimates, settings)
    trained = f" after {config.training_steps:,} training steps" if config.training_steps else ""
    parts = [_gone(fade.half, fade.percent), _further_back(fade)]
    if (future := estimates["future_half_distance_steps"]).value is not None:
        parts.append(f"into the future, {_half_gone(future)}")
    if fade.zero_percent:
        parts.append(f"{number(fade.zero_percent, 2)}% of its input gradients are exactly zero")
    side = "into the past, " if config.architecture.bidirectional else ""
    return f"{config.architecture.label}{trained}: {side}{'; '.join(filter(None, parts))}."


def remarks(comparison: Comparison) -> Iterator[str]:
    """How the gradient fades further back, where it explodes or underflows, both sides of the loss,
    and whether gates alone keep it alive."""
    fades = {group.name: _fade_of(comparison, group) for group in comparison.groups}
    result = comparison.default_headline
    longest = next(iter(result.ordered()), "") if result else ""
    if longest and fades[longest].course == "fades":
        yield f"In {longest}, {_further_back(fades[longest])}."
    if lasting := [n for n, fade in fades.items() if isinstance(fade.percent.value, AtLeast)]:
        names = shortened_list(lasting, MAX_NAMED)
        yield f"Less than 99% of the gradient is gone within the distances measured in {names}."
    for name, fade in fades.items():
        if fade.course == "explodes":
            yield f"In {name} the gradient explodes: it grows {_growth(fade)}."
        if fade.zero_percent:
            share = number(fade.zero_percent, 2)
            yield f"{share}% of the input gradients of {name} are exactly zero."
    if bent := [name for name, fade in fades.items() if fade.course == "bends"]:
        fits = [f"{name} (R² {number(fades[name].fit.value or 0.0, 2)})" for name in bent]
        ranges = {fades[name].between for name in bent}
        where = f" from {ranges.pop()}" if len(ranges) == 1 else ""
        curves = "curve" if len(bent) == 1 else "curves"
        yield (
            f"A straight line does not describe the {curves} of "
            f"{shortened_list(fits, MAX_NAMED)}{where}: no rate, half-life or explosion is said of "
            f"{'it' if len(bent) == 1 else 'them'}."
        )
    yield from _both_sides(comparison)
    yield from _gates(comparison)


def _both_sides(comparison: Comparison) -> Iterator[str]:
    """What a distance of a bidirectional network is, and which ones have none."""
    older = [
        group.name
        for group in comparison.groups
        if group.settings.get("bidirectional")
        and comparison.estimate(group.name, "half_distance_steps").value is None
        and comparison.estimate(group.name, "decay_rate").value is not None
    ]
    if older:
        yield (
            f"{shortened_list(older, MAX_NAMED)} {'was' if len(older) == 1 else 'were'} measured "
            "by an earlier version, from the last step, where a backward direction has read one "
            "input: the rate is that of the forward half alone. Measure anew for distances."
        )
    ahead = {
        group.name: comparison.estimate(group.name, "future_half_distance_steps")
        for group in comparison.groups
    }
    known = [name for name, estimate in ahead.items() if estimate.value is not None]
    if not known:
        return
    reach = [f"{number(ahead[name].value or 0.0)} steps in {name}" for name in known]
    yield (
        "Two directions have the loss in the middle, with as many steps on either side as one "
        "direction has before its last: distances are into the past, through the forward "
        f"direction. Into the future, half is gone after {shortened_list(reach, MAX_NAMED)}."
    )


def _gates(comparison: Comparison) -> Iterator[str]:
    """The gated networks in which 1% of the gradient surely reaches less far than in a plain RNN,
    or less than twice as far."""
    result = comparison.result("percent_distance_steps")
    cells = {group.name: group.settings.get("cell") for group in comparison.groups}
    plain = [name for name in result.ordered() if cells[name] == "rnn"] if result else []
    if not plain or result is None:
        return
    shortest = plain[-1]
    gated = [n for n, cell in cells.items() if cell in ("lstm", "gru") and result.values[n]]

    def less_than(times: float) -> list[str]:
        target = [MEDIAN.times(steps, times) for steps in result.values[shortest]]
        pairs = {(name, shortest): (result.values[name], target) for name in gated}
        return [d.first for d in comparison.contrasts(pairs, MEDIAN) if d.finding == "worse"]

    shorter = less_than(1.0)
    weak = [name for name in less_than(TIMES_AS_FAR) if name not in shorter]
    changed = {group.name: _changed_start(group.settings) for group in comparison.groups}
    for names, reach in ((shorter, "less far than"), (weak, "less than twice as far as")):
        for name in (name for name in names if changed[name]):
            yield (
                f"In {name}, 1% of the gradient reaches significantly {reach} in "
                f"{shortest}: it has {listed(changed[name])}, which is not PyTorch's default."
            )
        if usual := [name for name in names if not changed[name]]:
            yield (
                f"In {shortened_list(usual, MAX_NAMED)}, 1% of the gradient reaches significantly "
                f"{reach} in {shortest}: gates alone do not keep the gradient alive."
            )


def _changed_start(settings: Mapping[str, Value]) -> list[str]:
    """`forget bias -2`, `recurrent gain 0.5`: what was changed of how a network starts, or added to
    a trained one."""
    known = {setting.name: setting for setting in settings_of(GradientDecayConfig)}
    starts = ("initialisation", "recurrent_gain", "forget_bias", "update_bias")
    return [
        f"{known[name].title.lower()} {settings[name]}"
        if isinstance(settings[name], str)
        else f"{known[name].title.lower()} {float(str(settings[name])):g}"
        for name in starts
        if settings.get(name) is not None and settings[name] != known[name].default
    ]


def _fade_of(comparison: Comparison, group: Group) -> Fade:
    estimates = {r.column.name: r.estimates[group.name] for r in comparison.results}
    return _fade(estimates, group.settings)


def _fade(estimates: Mapping[str, Estimate], settings: Mapping[str, Value]) -> Fade:
    def of(name: str) -> Estimate:
        return estimates.get(name, MISSING)

    return Fade(
        int(str(settings["sequence_length"])),
        of("half_distance_steps"),
        of("percent_distance_steps"),
        of("decay_rate"),
        of("line_fit"),
        of("log10_range_change"),
        of("zero_percent").value or 0.0,
    )


def _half_gone(half: Estimate) -> str:
    """`half of the gradient is gone after 4.4 steps (…)`, or how far it was measured."""
    if isinstance(half.value, AtLeast):
        return f"less than half of the gradient is gone within {half.value:,.0f} steps"
    return f"half of the gradient is gone after {_steps(half)} ({spread(half, 2)})"


def _gone(half: Estimate, percent: Estimate) -> str:
    if half.value is None:
        return ""
    if percent.value is None or isinstance(half.value, AtLeast):
        return _half_gone(half)
    if isinstance(percent.value, AtLeast):
        return f"{_half_gone(half)}, less than 99% within {percent.value:,.0f} steps"
    return f"{_half_gone(half)}, 99% after {_steps(percent)}"


def _further_back(fade: Fade) -> str:
    """`from k = 10 to 60 it keeps 0.969 a step (…): asymptotic half-life 22 steps, R² 0.98`."""
    rate, fit = fade.rate, fade.fit.value
    r_squared = "" if fit is None else f"R² {number(fit, 2)}"
    per_step = f"{number(rate.value or 0.0)} of the gradient per step ({spread(rate)})"
    words = {
        "unknown": "no line can be fitted, too few norms are finite and above zero",
        "bends": f"a straight line does not describe the curve from {fade.between} ({r_squared})",
        "fades": (
            f"from {fade.between} it keeps {per_step}: asymptotic half-life "
            f"{number(half_life(rate.value or 0.0), 2)} steps{f', {r_squared}' if fit else ''}"
        ),
        "explodes": f"the gradient explodes: it grows {_growth(fade)}",
        "stays": f"from {fade.between} it keeps {per_step}, with no clear fading or explosion",
    }
    return words[fade.course]


def _steps(distance: Estimate) -> str:
    """`4.4 steps`, `1.0 steps`, `20 steps`."""
    return f"{number(distance.value or 0.0, 2)} steps"


def _growth(fade: Fade) -> str:
    rate = fade.rate
    return f"{number(rate.value or 0.0)}-fold per step from {fade.between} ({spread(rate)})"


DECAY_COLUMNS = {
    "half_distance_steps": "half_distance_steps",
    "percent_distance_steps": "percent_distance_steps",
    "float32_distance_steps": "float32_distance_steps",
    "decay_rate": "decay_rate",
    "half_life_steps": "decay_rate",
    "line_fit": "line_fit",
    "log10_range_change": "log10_range_change",
    "state_decay_rate": "state_decay_rate",
    "log10_last_over_first": "log10_last_over_first",
}
"""Measure of the summary → column of the table `decay`. A half-life is aggregated as its rate."""
FUTURE_COLUMNS = {
    "future_half_distance_steps": "half_distance_steps",
    "future_decay_rate": "decay_rate",
}


def by_seed(settings: Mapping[str, Value], tables: Tables) -> dict[str, dict[int, float]]:
    """Measure → seed → value. Of a run of an earlier version, distances and the fit of the line
    come from its curves."""
    decay, gradient = _latest(tables("decay")), _latest(tables("gradient"))
    jacobian, convergence = _latest(tables("jacobian")), _latest(tables("convergence"))
    values: dict[str, dict[int, float]] = {}
    past = _of_side(gradient, "past")
    if past is not None:
        if settings.get("batch_size"):
            zeros = past.groupby("seed")["input_zeros"].mean()
            values["zero_percent"] = _values(100 * zeros / float(settings["batch_size"] or 1))
        curves = _of_curves(past)
        if settings.get("bidirectional") and _of_side(gradient, "future") is None:
            # An earlier version's loss at the last step: both halves read the input at k = 0, one
            # alone beyond, so that nothing relative to k = 0 compares with a single direction.
            curves = {name: numbers for name, numbers in curves.items() if name == "line_fit"}
        values |= curves
    for side, columns in (("past", DECAY_COLUMNS), ("future", FUTURE_COLUMNS)):
        rows = _of_side(decay, side)
        if rows is not None:
            by_column = rows.set_index("seed")
            measured = {n: _values(by_column[c]) for n, c in columns.items() if c in by_column}
            values |= {name: numbers for name, numbers in measured.items() if numbers}
    if jacobian is not None:
        for name in ("largest_singular_value", "spectral_radius"):
            if name in jacobian:
                values[name] = _values(jacobian.groupby("seed")[name].mean())
    if convergence is not None:
        means = convergence.groupby(["averaged_steps", "seed"])["running_exponent"].mean()
        steps = int(convergence["averaged_steps"].max())
        values["leading_exponent"] = _values(means[steps])
        values["exponent_drift"] = _values(2 * (means[steps] - means[steps // 2]))
    return {name: numbers for name, numbers in values.items() if numbers}


def _of_curves(gradient: pandas.DataFrame) -> dict[str, dict[int, float]]:
    """Measure → seed → what the recorded curve says.

    Where a sample is exactly zero the geometric mean of the norms is, too; where one has
    overflowed, the curve is not below any level.
    """
    ordered = gradient.sort_values("steps_back")
    norms = ordered["log10_input_gradient"].mask(ordered["input_zeros"] > 0, -math.inf)
    norms = norms.mask(ordered["overflows"] > 0, math.inf)
    values: dict[str, dict[int, float]] = {}
    for seed, curve in norms.groupby(ordered["seed"]):
        curve_K = [float(y) for y in curve]
        from_first_K = distances.relative(curve_K)
        measured = {
            "half_distance_steps": distances.distance_to(from_first_K, distances.HALF),
            "percent_distance_steps": distances.distance_to(from_first_K, distances.ONE_PERCENT),
            "float32_distance_steps": distances.distance_to(curve_K, distances.FLOAT32_LIMIT),
            "line_fit": distances.r_squared(curve_K),
            "log10_range_change": distances.change_over_range(curve_K),
        }
        for name, value in measured.items():
            if value is not None:
                values.setdefault(name, {})[int(str(seed))] = value
    return values


def _of_side(table: pandas.DataFrame | None, side: str) -> pandas.DataFrame | None:
    """The rows of one side; a table that is older than sides is of the past."""
    if table is None or "side" not in table:
        return table if side == "past" else None
    rows: pandas.DataFrame = table[table["side"] == side]
    return None if rows.empty else rows


def _latest(table: pandas.DataFrame | None) -> pandas.DataFrame | None:
    if table is None or table.empty:
        return None
    first = table[table["layer"] == 1]
    latest: pandas.DataFrame = first[first["training_step"] == first["training_step"].max()]
    return latest


def _values(series: pandas.Series[float]) -> dict[int, float]:
    return {int(str(seed)): float(value) for seed, value in series.dropna().items()}
