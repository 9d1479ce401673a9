"""What each seed of a `gradient-decay` run came to: the summary's measures, seed by seed.

Of layer 1 at the last measured training step, as the summary is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from core.settings import Value

if TYPE_CHECKING:
    import pandas

    from core.experiment import Tables

OF_DECAY = {
    "decay_rate": "decay_rate",
    "half_life_steps": "decay_rate",
    "state_decay_rate": "state_decay_rate",
    "log10_last_over_first": "log10_last_over_first",
}
"""Measure of the summary → column of the table `decay`. A half-life is pooled as its rate."""


def by_seed(settings: Mapping[str, Value], tables: Tables) -> dict[str, dict[int, float]]:
    """Measure → seed → value."""
    decay, gradient = _latest(tables("decay")), _latest(tables("gradient"))
    jacobian, lyapunov = _latest(tables("jacobian")), _latest(tables("lyapunov"))
    found: dict[str, pandas.Series[float]] = {}
    if decay is not None:
        rows = decay.set_index("seed")
        found |= {name: rows[column] for name, column in OF_DECAY.items()}
    if gradient is not None:
        zeros = gradient.groupby("seed")["input_zeros"].mean()
        found["zero_percent"] = 100 * zeros / float(settings["batch_size"] or 1)
    if jacobian is not None:
        found["largest_singular_value"] = jacobian.groupby("seed")["largest_singular_value"].mean()
    if lyapunov is not None:
        first = lyapunov[lyapunov["index"] == 1]
        found["largest_exponent"] = first.groupby("seed")["exponent"].mean()
    return {name: _values(series) for name, series in found.items()}


def _latest(table: pandas.DataFrame | None) -> pandas.DataFrame | None:
    if table is None or table.empty:
        return None
    first = table[table["layer"] == 1]
    latest: pandas.DataFrame = first[first["training_step"] == first["training_step"].max()]
    return latest


def _values(series: pandas.Series[float]) -> dict[int, float]:
    return {int(str(seed)): float(value) for seed, value in series.items()}
