"""The gradient curve of what is explored: `gradient-decay`'s measurement of the same networks."""

from __future__ import annotations

from typing import NamedTuple

from core.experiments.gradient_decay import GradientDecaySummary, GradientRow
from core.experiments.gradient_decay_rows import decay_rows, gradient_rows, summarise
from core.exploring.networks import Networks
from core.gradients import measure_gradients


class Fading(NamedTuple):
    """Rows of every seed, and what they come to."""

    rows: list[GradientRow]
    summary: GradientDecaySummary


def fading(networks: Networks) -> Fading:
    """∂L/∂x_t and ∂L/∂(h_t, c_t) by distance, all seeds in one pass; no Jacobians."""
    config = networks.config
    seeds = range(config.seed, config.seed + config.seeds)
    (layer,) = measure_gradients(
        networks.model, networks.x_STBI, networks.grad_last_SBH, slice(None)
    )
    rows, decays = gradient_rows(0, seeds, layer), decay_rows(0, seeds, layer)
    return Fading(rows, summarise(config, rows, decays, (), ()))
