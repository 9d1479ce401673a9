"""Do the largest singular values tell whether the gradient vanishes or explodes (5)?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.claims.claim import Claim, Question, Verdict, combined, exactly, not_measured
from core.claims.measurement import Measurement
from core.claims.ratio import BY_GAIN
from core.claims.results import Results, evidence
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.words import counted, number

if TYPE_CHECKING:
    import pandas

EXPLODING = Measurement(
    "a network that explodes",
    GRADIENT_DECAY,
    ("rnn",),
    {"nonlinearity": ("relu",), "recurrent_gain": (3.0,)},
    "chapter",
)
EITHER = ("It must explode", "It may still vanish")


@dataclass(frozen=True)
class Network:
    """One seed: the geometric mean of its steps' largest singular values, and their product."""

    singular_value: float
    log10_product: float
    """−inf where it is exactly zero."""


def networks_of(jacobian: pandas.DataFrame) -> list[Network]:
    """Every seed of a run, from the table `jacobian`: layer 1, forward, as last measured."""
    last = jacobian[jacobian["training_step"] == jacobian["training_step"].max()]
    own = last[(last["layer"] == 1) & (last["direction"] == "forward")]
    found = []
    for _, steps in own.groupby("seed"):
        logs = [math.log(value) for value in steps["largest_singular_value"] if value > 0]
        product = float(steps.loc[steps["steps_back"].idxmax(), "log10_product_norm"])
        mean = math.exp(sum(logs) / len(logs)) if logs else 0.0
        found.append(Network(mean, -math.inf if math.isnan(product) else product))
    return found


def singular_value_rule(results: Results) -> Verdict:
    """Every network is exact, so one that does otherwise refutes: no seeds are needed for that."""
    runs = [*results.of(BY_GAIN), *results.of(EXPLODING)]
    tables = {found: results.table(found.run_id, "jacobian") for found in runs}
    read = {f: networks_of(table) for f, table in tables.items() if table is not None}
    networks = [network for found in read.values() for network in found]
    below = [n for n in networks if n.singular_value < 1]
    above = [n for n in networks if n.singular_value > 1]
    if not below or not above:
        side = "below" if not below else "above"
        return not_measured(f"a network whose largest singular values are {side} 1")
    vanishing = [n for n in below if n.log10_product < 0]
    exploding = [n for n in above if n.log10_product > 0]
    sufficient, enough = len(vanishing) == len(below), len(exploding) == len(above)
    condition = (
        "the singular values are below 1: above 1 is necessary to explode, not sufficient"
        if sufficient
        else "the singular values are above 1"
    )
    return combined(
        [sufficient, enough],
        f"{_shares(below, vanishing, 'below', 'vanishes')} "
        f"{_shares(above, exploding, 'above', 'explodes')}{_exception(above)}",
        condition,
        answer=EITHER[0] if enough else EITHER[1],
        evidence=evidence(*read),
        numbers={
            "networks above 1": exactly(len(above)),
            "of them exploding": exactly(len(exploding)),
        },
    )


def _shares(networks: Sequence[Network], agree: Sequence[Network], side: str, fate: str) -> str:
    some = counted(len(networks), "network")
    return f"Of {some} with singular values {side} 1 the product {fate} in {len(agree):,}."


def _exception(above: Sequence[Network]) -> str:
    """The network that is furthest above 1 and vanishes all the same."""
    vanishing = [n for n in above if n.log10_product < 0]
    if not vanishing:
        return ""
    worst = max(vanishing, key=lambda n: n.singular_value)
    return (
        f" One with {number(worst.singular_value)} on average shrinks the gradient to "
        f"10^{number(worst.log10_product)}."
    )


SINGULAR_VALUES = Claim(
    5,
    "Below 1 vanishes, above 1 explodes",
    "A largest singular value below 1 makes the product of Jacobians vanish; above 1 it explodes.",
    "Exact Jacobians of single steps, their largest singular values (geometric mean over the "
    "steps), and the norm of the product over the whole sequence, network by network.",
    Question(
        "Every step's largest singular value is above 1. What becomes of the gradient?", EITHER
    ),
    singular_value_rule,
    (BY_GAIN, EXPLODING),
)
