"""How many times smaller is the first step's gradient than the last's (4)?"""

from __future__ import annotations

import math
from collections.abc import Sequence

from core.claims.claim import Claim, Question, Truth, Verdict, combined, either, not_measured
from core.claims.measurement import Measurement
from core.claims.results import Found, Results, evidence, number_of
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.statistics import Estimate
from core.words import listed, number, spread

BY_GAIN = Measurement(
    "the chapter's network, by recurrent gain",
    GRADIENT_DECAY,
    ("rnn",),
    {"recurrent_gain": (1.0, 0.5, 1.5, 2.0, 3.0)},
    "chapter",
)
IN_FLOAT32 = Measurement(
    "the chapter's network in float32", GRADIENT_DECAY, ("rnn",), {"dtype": ("float32",)}, "chapter"
)
CHAPTER_RATIO = math.log10(400_000)


def ratio_rule(results: Results) -> Verdict:
    """At the default start; if not there, at which recurrent gain."""
    gains = results.of(BY_GAIN)
    default = next((f for f in gains if f.config.architecture.recurrent_gain == 1), None)
    if default is None:
        return not_measured("the chapter's network at its default start")
    ratios = {found: found.estimate("log10_last_over_first") for found in gains}
    fitting = [found for found in gains[1:] if nearly(ratios[found])]
    single = results.of(IN_FLOAT32)
    truths = [nearly(ratios[default]), *(True for _ in fitting)]
    gain = either([f"{found.config.architecture.recurrent_gain:g}" for found in fitting])
    return combined(
        truths if truths[0] is False else truths[:1],
        f"{_ratios(ratios)}{_zeros(single)}",
        f"the recurrent weights are multiplied by {gain}",
        answer=ratios[default].value,
        evidence=evidence(*gains, *single),
        numbers={found.name: ratio for found, ratio in ratios.items()},
    )


def nearly(ratio: Estimate) -> Truth:
    """Within a factor of ten of 400,000, and the whole interval within a hundred.

    False if the whole interval is beyond ten; None in between, and where there is no interval.
    """
    if ratio.value is None or ratio.low is None or ratio.high is None:
        return None
    low, high = ratio.low - CHAPTER_RATIO, ratio.high - CHAPTER_RATIO
    if low > 1 or high < -1:
        return False
    near = abs(ratio.value - CHAPTER_RATIO) <= 1 and max(-low, high) <= 2
    return True if near else None


def _ratios(ratios: dict[Found, Estimate]) -> str:
    """`Last over first is 10^28.6 (…) in RNN 64, 10^5.53 (…) in RNN 64 · gain 2.`"""
    told = [
        f"10^{number(ratio.value)} in {found.name} ({spread(ratio)})"
        for found, ratio in ratios.items()
        if ratio.value is not None
    ]
    if not told:
        return "More than half of the first gradients are exactly zero: there is no ratio."
    return f"The last step's gradient over the first's is {listed(told)}."


def _zeros(single: Sequence[Found]) -> str:
    """Whether float32 loses it."""
    zeros = number_of(single[0].run, "zero_percent") if single else None
    if zeros is None:
        return ""
    share = f"{number(zeros)}% of the gradients are" if zeros else "no gradient is"
    return f" In float32 {share} exactly zero."


RATIO = Claim(
    4,
    "400,000 times smaller",
    "For nn.RNN(32, 64) over 100 steps of standard-normal input, with the sum of the last output "
    "as loss, the gradient at step 0 is nearly 400,000 times smaller than at step 99.",
    "That set-up in float64 over seeds, at PyTorch's default start and at other recurrent gains; "
    "zeros are counted in float32 too. Nearly means within a factor of ten.",
    Question(
        "How many times smaller is the gradient at step 0? Give the power of ten: 6 for a million.",
        unit="powers of ten",
    ),
    ratio_rule,
    (BY_GAIN, IN_FLOAT32),
)
