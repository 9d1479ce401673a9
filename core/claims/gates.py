"""Do gates bring early gradients back (8)? And how long half of a gradient lasts."""

from __future__ import annotations

import math
from collections.abc import Sequence

from core.claims.claim import Claim, Question, Truth, Verdict, combined, either, not_measured
from core.claims.measurement import Measurement
from core.claims.results import Found, Results, evidence
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.statistics import CONFIDENCE, Estimate, Group, compare, half_life
from core.words import listed, number, spread

DEFAULT_START = Measurement(
    "the three cells as PyTorch starts them",
    GRADIENT_DECAY,
    ("rnn", "lstm", "gru"),
    preset="chapter",
)
FORGET_BIAS = Measurement(
    "forget bias", GRADIENT_DECAY, ("lstm",), {"forget_bias": (0, 1, 2, 3)}, "chapter"
)
UPDATE_BIAS = Measurement(
    "update bias", GRADIENT_DECAY, ("gru",), {"update_bias": (0, 1, 2, 3)}, "chapter"
)
OTHER_STARTS = Measurement(
    "initialisation",
    GRADIENT_DECAY,
    ("lstm", "gru"),
    {"initialisation": ("orthogonal", "identity")},
    "chapter",
)
TIMES_AS_LONG = 2.0
"""Half of the gradient must last so many times as long as in the plain RNN to count as back."""
LASTS = ("At least twice as long", "Longer, but not twice as long", "No longer")


def gates_rule(results: Results) -> Verdict:
    """Does half of the gradient last twice as long as in the plain RNN, and from which start?"""
    default = {found.cell: found for found in results.of(DEFAULT_START)}
    if len(default) < 3:
        return not_measured("the chapter's network with each of the three cells")
    plain, lstm, gru = default["rnn"], default["lstm"], default["gru"]
    started = [found for m in (FORGET_BIAS, UPDATE_BIAS, OTHER_STARTS) for found in results.of(m)]
    level = (1 - CONFIDENCE) / (2 + len(started))
    truths = {found: lasts(found, plain, level) for found in (lstm, gru, *started)}
    back = [found for found, truth in truths.items() if truth]
    return combined(
        _parts([truths[lstm], truths[gru]], list(truths.values())),
        f"Half of the gradient is gone after {_half_lives((plain, lstm, gru))}."
        + (f" It lasts at least twice as long as in {plain.name}: {_steps(back)}." if back else ""),
        _starts(back),
        answer=_how_long(lstm, plain, level),
        evidence=evidence(plain, *truths),
        numbers={f.name: half_life_of(f) for f in (plain, *truths)},
    )


def _parts(at_default: Sequence[Truth], anywhere: Sequence[Truth]) -> Sequence[Truth]:
    """Both cells as they are; where one of them fails, whether any start helps."""
    if False not in at_default:
        return at_default
    return [False, True] if True in anywhere else [False, *(t for t in anywhere if t is None)]


def rate_of(found: Found) -> Estimate:
    """Factor of the gradient per step back."""
    return found.estimate("decay_rate")


def half_life_of(found: Found) -> Estimate:
    """In steps."""
    return rate_of(found).transformed(half_life)


def lasts(found: Found, other: Found, level: float, times: float = TIMES_AS_LONG) -> Truth:
    """Whether its gradient's half-life is so many times the other's: Welch's test on ln ρ.

    None where that is not distinguishable, or there are too few seeds.
    """
    rates = rate_of(found), rate_of(other)
    if not all(_has_a_logarithm(rate) for rate in rates):
        return None
    ours, theirs = (rate.transformed(math.log) for rate in rates)
    target = theirs.transformed(lambda log: log / times)
    groups = Group.of_estimate(found.name, ours), Group.of_estimate(other.name, target)
    return {"better": True, "worse": False}.get(compare(*groups, level=level).outcome)


def _has_a_logarithm(rate: Estimate) -> bool:
    """Whether it was measured, and its interval ends at numbers: that of two seeds may not."""
    ends = [end for end in (rate.low, rate.high) if end is not None]
    return rate.value is not None and all(0 < end < math.inf for end in (rate.value, *ends))


def _how_long(found: Found, plain: Found, level: float) -> str | None:
    """Which of LASTS; None where the seeds leave it open."""
    twice, longer = lasts(found, plain, level), lasts(found, plain, level, times=1.0)
    if twice or twice is None:
        return LASTS[0] if twice else None
    return None if longer is None else LASTS[1] if longer else LASTS[2]


def _of_cell(cell: str, networks: Sequence[Found]) -> list[str]:
    """`forget bias 1` of `LSTM 64 · forget bias 1`; what starts by default has no more."""
    parts = [found.name.partition(" · ") for found in networks if found.cell == cell.lower()]
    return [start or "what PyTorch draws" for _, _, start in parts]


def _starts(networks: Sequence[Found]) -> str:
    """`the LSTM starts with forget bias 1 or identity, and the GRU with update bias 1`."""
    starts = {cell: either(_of_cell(cell, networks)) for cell in ("LSTM", "GRU")}
    return ", and ".join(
        f"the {cell} starts with {start}" for cell, start in starts.items() if start
    )


def _steps(networks: Sequence[Found]) -> str:
    """`3.69 steps in LSTM 64 · forget bias 1, 16.2 steps in …`."""
    lives = [(number(half_life_of(found).value or 0.0), found.name) for found in networks]
    return listed([f"{steps} steps in {name}" for steps, name in lives])


def _half_lives(networks: Sequence[Found]) -> str:
    """`1.05 steps in RNN 64 (95% interval …, 8 seeds), 1.45 steps in LSTM 64 (…)`."""
    told = []
    for found in networks:
        life = half_life_of(found)
        if life.value is not None:
            told.append(f"{number(life.value)} steps in {found.name} ({spread(life)})")
    return listed(told) if told else "a number of steps that nobody knows"


GATES = Claim(
    8,
    "Gates bring it back",
    "Replacing the RNN by an LSTM or a GRU brings the early gradients back.",
    "The gradient's half-life in the chapter's network with each cell, at several starts. Back "
    "means: at least twice as long as in the plain RNN, by more than noise.",
    Question(
        "The RNN is replaced by an LSTM as PyTorch starts it. How long does half of the gradient "
        "last?",
        LASTS,
    ),
    gates_rule,
    (DEFAULT_START, FORGET_BIAS, UPDATE_BIAS, OTHER_STARTS),
)
