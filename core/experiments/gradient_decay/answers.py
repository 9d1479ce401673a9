"""What `gradient-decay` says of its results, beyond who is best; and its values seed by seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from core.analysis.comparison import Comparison
from core.experiment import Tables
from core.experiments.gradient_decay.declaration import GradientDecayConfig
from core.formatting import as_number, listed, number, read_estimate, spread
from core.settings import Value
from core.stats.estimates import Estimate, half_life

if TYPE_CHECKING:
    import pandas

TOLERANCE = 1e-9
"""A rate this close to 1 is 1: an orthogonal recurrence differs from it by rounding alone."""


def run_sentence(config: GradientDecayConfig, summary: Mapping[str, Any]) -> str:
    """`LSTM 64 · forget bias 1: keeps 0.856 of the gradient per step back (…), half is gone …`."""
    rate = read_estimate(summary, "decay_rate")
    trained = f" after {config.training_steps:,} training steps" if config.training_steps else ""
    per_step = f"{number(rate.value or 0.0)} of the gradient per step back ({spread(rate)})"
    sentence = {
        "unknown": "no decay rate can be fitted, too few norms are finite and above zero",
        "fades": f"keeps {per_step}, half is gone after {_steps(rate)} steps",
        "explodes": f"the gradient explodes: it grows {_growth(rate)}",
        "stays": f"keeps {per_step}, with no clear fading or explosion",
    }[course(rate)]
    zeros = as_number(summary.get("zero_percent"))
    underflow = f"; {number(zeros, 2)}% of its input gradients are exactly zero" if zeros else ""
    return f"{config.architecture.label}{trained}: {sentence}{underflow}."


def remarks(comparison: Comparison) -> Iterator[str]:
    """Which gradients explode or underflow, and whether gates alone keep the gradient alive."""
    rates = {g.name: comparison.estimate(g.name, "decay_rate") for g in comparison.groups}
    for name, rate in rates.items():
        if course(rate) == "explodes":
            yield f"In {name} the gradient explodes: it grows {_growth(rate)}."
        if zeros := comparison.estimate(name, "zero_percent").value:
            yield f"{number(zeros, 2)}% of the input gradients of {name} are exactly zero."
    fading = [g for g in comparison.groups if course(rates[g.name]) == "fades"]
    lives = {g.name: half_life(rates[g.name].value or 0.0) for g in fading}
    plain = [g.name for g in fading if g.settings.get("cell") == "rnn"]
    if not plain:
        return
    shortest = min(plain, key=lives.__getitem__)
    gated = [g.name for g in fading if g.settings.get("cell") in ("lstm", "gru")]
    weak = [name for name in gated if lives[name] < 2 * lives[shortest]]
    if weak:
        keep = "keeps" if len(weak) == 1 else "keep"
        yield (
            f"{listed(weak)} {keep} half of the gradient for less than twice as long as "
            f"{shortest}: gates alone do not keep the gradient alive."
        )


def course(rate: Estimate) -> str:
    """`fades` or `explodes` if the whole interval of the decay rate does, else `stays`."""
    if rate.value is None:
        return "unknown"
    if (rate.value if rate.high is None else rate.high) < 1 - TOLERANCE:
        return "fades"
    return "explodes" if (rate.value if rate.low is None else rate.low) > 1 + TOLERANCE else "stays"


def _steps(rate: Estimate) -> str:
    return number(half_life(rate.value or 0.0), 2)


def _growth(rate: Estimate) -> str:
    return f"{number(rate.value or 0.0)}-fold per step back ({spread(rate)})"


DECAY_COLUMNS = {
    "decay_rate": "decay_rate",
    "half_life_steps": "decay_rate",
    "state_decay_rate": "state_decay_rate",
    "log10_last_over_first": "log10_last_over_first",
}
"""Measure of the summary → column of the table `decay`. A half-life is aggregated as its rate."""


def by_seed(settings: Mapping[str, Value], tables: Tables) -> dict[str, dict[int, float]]:
    """Measure → seed → value."""
    decay, gradient = _latest(tables("decay")), _latest(tables("gradient"))
    jacobian, lyapunov = _latest(tables("jacobian")), _latest(tables("lyapunov"))
    values: dict[str, pandas.Series[float]] = {}
    if decay is not None:
        rows = decay.set_index("seed")
        values |= {name: rows[c] for name, c in DECAY_COLUMNS.items() if c in rows}
    if gradient is not None:
        zeros = gradient.groupby("seed")["input_zeros"].mean()
        values["zero_percent"] = 100 * zeros / float(settings["batch_size"] or 1)
    if jacobian is not None:
        values["largest_singular_value"] = jacobian.groupby("seed")["largest_singular_value"].mean()
    if lyapunov is not None:
        first = lyapunov[lyapunov["index"] == 1]
        values["largest_exponent"] = first.groupby("seed")["exponent"].mean()
    return {name: _values(series) for name, series in values.items()}


def _latest(table: pandas.DataFrame | None) -> pandas.DataFrame | None:
    if table is None or table.empty:
        return None
    first = table[table["layer"] == 1]
    latest: pandas.DataFrame = first[first["training_step"] == first["training_step"].max()]
    return latest


def _values(series: pandas.Series[float]) -> dict[int, float]:
    return {int(str(seed)): float(value) for seed, value in series.dropna().items()}
