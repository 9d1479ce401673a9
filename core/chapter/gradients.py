"""Claims about gradients: their ratio (4), singular values (5), gates (8) and depth (11)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.analysis.comparison import Comparison, PairOutcome
from core.chapter.claim import (
    EXACT,
    TRUTHS,
    Claim,
    MatchedRuns,
    Measurement,
    Question,
    Results,
    Truth,
    Verdict,
    combined,
    compare_matched,
    evidence,
    exactly,
    is_better,
    not_measured,
    number_of,
)
from core.experiments.gradient_decay import GRADIENT_DECAY
from core.formatting import counted, listed, number, power_of_ten, quantity, spread
from core.models.architecture import variant_title
from core.stats.aggregation import MEDIAN
from core.stats.estimates import Estimate, geometric_mean_estimate

if TYPE_CHECKING:
    import pandas


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
    """Does the ratio hold with the default initialisation, or at which recurrent gain?"""
    gains, single = results.of(BY_GAIN), results.of(IN_FLOAT32)
    default = next((m for m in gains if m.config.architecture.recurrent_gain == 1), None)
    if default is None:
        return not_measured("the chapter's network with its default initialisation")
    ratios = {matched: matched.estimate("log10_last_over_first") for matched in gains}
    fitting = [matched for matched in gains[1:] if nearly(ratios[matched])]
    at_default, exponent = nearly(ratios[default]), ratios[default].value
    measured = [
        f"{power_of_ten(ratio.value)} in {matched.name} ({spread_of_power(ratio)})"
        for matched, ratio in ratios.items()
        if ratio.value is not None
    ]
    figure = (
        f"The last step's gradient over the first's is {listed(measured)}."
        if measured
        else "More than half of the first gradients are exactly zero: there is no ratio."
    )
    zeros = number_of(single[0].run, "zero_percent") if single else None
    if zeros is not None:
        share = f"{number(zeros)}% of the gradients are" if zeros else "no gradient is"
        figure += f" In float32 {share} exactly zero."
    return combined(
        [at_default],
        figure,
        f"{_off_by(ratios[default])} {_gains(fitting)}".strip(),
        measured="" if exponent is None else power_of_ten(exponent),
        spread=spread_of_power(ratios[default]),
        answer=exponent,
        evidence=evidence(*gains, *single),
        numbers={matched.name: ratio for matched, ratio in ratios.items()},
    )


def spread_of_power(exponent: Estimate) -> str:
    """The uncertainty of ten to a power: `95% CI 10²⁶–10³¹, n = 8`."""
    if exponent.low is None or exponent.high is None:
        return spread(exponent)
    ends = f"{power_of_ten(exponent.low)}–{power_of_ten(exponent.high)}"
    return f"95% CI {ends}, n = {exponent.n:,}"


def _off_by(ratio: Estimate) -> str:
    """`Off by a factor of 10²³: 4 × 10²⁸ instead of 400,000.`"""
    if ratio.value is None:
        return ""
    if nearly(ratio) is not False:
        return f"It is {power_of_ten(ratio.value)} times smaller ({spread_of_power(ratio)})."
    factor = power_of_ten(round(abs(ratio.value - CHAPTER_RATIO)))
    return f"Off by a factor of {factor}: {power_of_ten(ratio.value)} instead of 400,000."


def _gains(fitting: Sequence[MatchedRuns]) -> str:
    """`With the recurrent weights doubled you get that number.`; empty where no gain does."""
    if not fitting:
        return ""
    gains = [f"{m.config.architecture.recurrent_gain:g}" for m in fitting]
    change = "doubled" if gains == ["2"] else f"multiplied by {listed(gains, 'or')}"
    return f"With the recurrent weights {change} you get that number."


def nearly(ratio: Estimate) -> Truth:
    """Whether a ratio is within a factor of ten of 400,000, its whole interval within a hundred.

    False if the whole interval is beyond ten; None in between, and if there is no interval.
    """
    if ratio.value is None or ratio.low is None or ratio.high is None:
        return None
    low, high = ratio.low - CHAPTER_RATIO, ratio.high - CHAPTER_RATIO
    if low > 1 or high < -1:
        return False
    near = abs(ratio.value - CHAPTER_RATIO) <= 1 and max(-low, high) <= 2
    return True if near else None


RATIO = Claim(
    4,
    "The first step's gradient is 400,000 times smaller than the last's",
    "For nn.RNN(32, 64) over 100 steps of standard-normal input, with the sum of the last output "
    "as loss, the gradient at step 0 is nearly 400,000 times smaller than at step 99.",
    "That set-up in float64 over seeds, with PyTorch's initialisation and at other recurrent "
    "gains; zeros are counted in float32 too. Nearly means within a factor of ten.",
    Question(
        "How many times smaller is the gradient at step 0? Give the power of ten: 6 for a million.",
        unit="powers of ten",
    ),
    ratio_rule,
    (BY_GAIN, IN_FLOAT32),
    section="Vanishing gradients",
    quantity="How many times smaller the gradient is at step 0 than at step 99",
    textbook="400,000",
    formula=r"\frac{\partial L}{\partial h_0} = \frac{\partial L}{\partial h_{99}}"
    r"\prod_{t=1}^{99} \mathrm{diag}(1 - h_t^2)\, W_h",
    why="Every step back multiplies the gradient by the recurrent weights, which PyTorch draws "
    "small, and by 1 − h², which is at most 1.",
)


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
    networks = []
    for _, steps in own.groupby("seed"):
        logs = [math.log(value) for value in steps["largest_singular_value"] if value > 0]
        product = float(steps.loc[steps["steps_back"].idxmax(), "log10_product_norm"])
        mean = math.exp(sum(logs) / len(logs)) if logs else 0.0
        networks.append(Network(mean, -math.inf if math.isnan(product) else product))
    return networks


def singular_value_rule(results: Results) -> Verdict:
    """Each network is computed exactly, so one exception refutes, whatever the number of seeds."""
    tables = {m: results.table(m.run_id, "jacobian") for m in results.of(BY_GAIN, EXPLODING)}
    by_run = {m: networks_of(table) for m, table in tables.items() if table is not None}
    networks = [network for seeds in by_run.values() for network in seeds]
    below = [n for n in networks if n.singular_value < 1]
    above = [n for n in networks if n.singular_value > 1]
    if not below or not above:
        side = "below" if not below else "above"
        return not_measured(f"a network whose largest singular values are {side} 1")
    vanishing = [n for n in below if n.log10_product < 0]
    exploding = [n for n in above if n.log10_product > 0]
    all_vanish, all_explode = len(vanishing) == len(below), len(exploding) == len(above)
    figure = " ".join(
        f"Of {counted(len(group), 'network')} with singular values {side} 1, the product {verb} in "
        f"{len(agreeing):,}."
        for group, agreeing, side, verb in (
            (below, vanishing, "below", "vanishes"),
            (above, exploding, "above", "explodes"),
        )
    )
    if exceptions := [n for n in above if n.log10_product < 0]:
        worst = max(exceptions, key=lambda n: n.singular_value)
        figure += (
            f" One with {number(worst.singular_value)} on average shrinks the gradient to "
            f"{power_of_ten(worst.log10_product)}."
        )
    summary = (
        f"Below 1 the gradient vanishes in {len(vanishing):,} of {counted(len(below), 'network')}, "
        f"above 1 it explodes in {len(exploding):,} of {len(above):,}."
    )
    if all_vanish and not all_explode:
        summary += " Below 1 is enough to vanish; above 1 is necessary to explode, not sufficient."
    return combined(
        [all_vanish, all_explode],
        figure,
        summary,
        measured=f"{len(exploding):,} of {len(above):,}",
        spread=EXACT,
        answer=EITHER[0] if all_explode else EITHER[1],
        evidence=evidence(*by_run),
        numbers={
            "networks above 1": exactly(len(above)),
            "of them exploding": exactly(len(exploding)),
        },
    )


SINGULAR_VALUES = Claim(
    5,
    "Singular values below 1 vanish, above 1 explode",
    "A largest singular value below 1 makes the product of Jacobians vanish; above 1 it explodes.",
    "Exact Jacobians of single steps, their largest singular values (geometric mean over the "
    "steps), and the norm of the product over the whole sequence, network by network. These are "
    "plain RNNs, whose state has one unit; of an LSTM they would depend on the units of c.",
    Question(
        "Every step's largest singular value is above 1. What becomes of the gradient?", EITHER
    ),
    singular_value_rule,
    (BY_GAIN, EXPLODING),
    section="Vanishing gradients",
    quantity="Networks with singular values above 1 in which the gradient explodes",
    textbook="all",
    formula=r"\Bigl\lVert \prod_t J_t \Bigr\rVert \;\le\; \prod_t \sigma_{\max}(J_t)",
    why="A product's norm is at most the product of the norms: below 1 it has to vanish, above 1 "
    "it may explode and need not.",
)


DEFAULT_START = Measurement(
    "the three cells with PyTorch's initialisation",
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

TIMES_AS_FAR = 2.0
"""To count as back, 1% of the gradient must reach this many times as far as in the plain RNN."""

TWICE_BY_CELL = "LSTM against twice the RNN"
TWICE_BY_BIAS = "forget bias 1 against twice the LSTM"
"""Verdicts on how far 1% of the gradient reaches."""

FURTHER = ("At least twice as far", "Further, but not twice as far", "No further")

REACH = "percent_distance_steps"
"""Early gradients are measured by the distance at which 1% is left. The halving distance says
little of them: with forget bias 3 half is gone in a step, and a third is there after a hundred. Nor
does the half-life of a straight line where the curve is none."""


def gates_rule(results: Results) -> Verdict:
    """Does 1% of the gradient reach twice as far as in the plain RNN, at which initialisation?"""
    default = {matched.cell: matched for matched in results.of(DEFAULT_START)}
    if len(default) < 3:
        return not_measured("the chapter's network with each of the three cells")
    plain, lstm, gru = default["rnn"], default["lstm"], default["gru"]
    others = [lstm, gru, *results.of(FORGET_BIAS, UPDATE_BIAS, OTHER_STARTS)]
    comparison = compare_matched({m.name: m for m in (plain, *others)}, [REACH])
    further = reaches_further(comparison, [m.name for m in others], plain.name, TIMES_AS_FAR)
    twice = {name: TRUTHS.get(finding) for name, finding in further.items()}
    reach = {m.name: comparison.estimate(m.name, REACH) for m in (plain, *others)}
    back = [m for m in others if twice[m.name]]
    biased = [m for m in others if m.config.architecture.forget_bias == 1]
    figure = f"1% of the gradient is left after {_distances(reach, (plain, lstm, gru))}."
    steps = [f"{number(reach[m.name].value or 0.0)} in {m.name}" for m in back]
    figure += f" It reaches at least twice as far after {listed(steps)}." if back else ""
    summary = "As PyTorch starts them, 1% of the gradient is left after " + listed(
        [
            f"{_steps(reach[m.name])} in the {variant_title(m.cell)}"
            for m in (lstm, gru, plain)
            if reach[m.name].value is not None
        ]
    )
    summary += f". It reaches twice as far only if {_starts(back)}." if back else "."
    at_default, anywhere = [twice[lstm.name], twice[gru.name]], list(twice.values())
    if False not in at_default:
        parts: Sequence[Truth] = at_default
    else:  # where one of the two cells fails as it is, whether any start helps
        parts = [False, True if True in anywhere else None if None in anywhere else False]
    longer = is_better(comparison, REACH, lstm.name, plain.name)
    if twice[lstm.name] is not False:
        answer = FURTHER[0] if twice[lstm.name] else None
    else:
        answer = None if longer is None else FURTHER[1] if longer else FURTHER[2]
    return combined(
        parts,
        figure,
        summary,
        measured=_steps(reach[lstm.name]),
        spread=f"RNN: {_steps(reach[plain.name])}; {spread(reach[lstm.name])}",
        answer=answer,
        evidence=evidence(plain, *others),
        numbers=reach,
        findings={
            TWICE_BY_CELL: further[lstm.name],
            TWICE_BY_BIAS: reaches_further(
                comparison, [m.name for m in biased], lstm.name, TIMES_AS_FAR
            ).get(f"{lstm.name} · forget bias 1", "not enough seeds"),
        },
    )


def reaches_further(
    comparison: Comparison, names: Sequence[str], other: str, times: float
) -> dict[str, PairOutcome]:
    """Whether 1% of each gradient reaches significantly more than so many times as far as the
    other's, or less. All names are one family."""
    result = comparison.result(REACH)
    if result is None or not result.values[other]:
        return dict.fromkeys(names, "not enough seeds")
    target = [MEDIAN.times(steps, times) for steps in result.values[other]]
    pairs = {(name, other): (result.values[name], target) for name in names}
    verdicts = comparison.contrasts(pairs, MEDIAN)
    return {verdict.first: verdict.finding for verdict in verdicts}


def _steps(reach: Estimate) -> str:
    """`8.52 steps`."""
    return quantity(reach.value, "steps")


def _starts(networks: Sequence[MatchedRuns]) -> str:
    """`the LSTM starts with forget bias 1 or identity, and the GRU with update bias 1`."""
    parts = []
    for cell in ("LSTM", "GRU"):
        # `forget bias 1` of `LSTM 64 · forget bias 1`; a default start has no more than its name
        names = [m.name.partition(" · ")[2] for m in networks if m.cell == cell.lower()]
        if names:
            starts = listed([name or "PyTorch's default" for name in names], "or")
            parts.append(f"the {cell} starts with {starts}")
    return ", and ".join(parts)


def _distances(reach: Mapping[str, Estimate], networks: Sequence[MatchedRuns]) -> str:
    """`6.40 steps in RNN 64 (95% CI …, n = 8), 8.50 steps in LSTM 64 (…)`."""
    parts = [
        f"{number(steps)} steps in {m.name} ({spread(reach[m.name])})"
        for m in networks
        if (steps := reach[m.name].value) is not None
    ]
    return listed(parts) if parts else "an unknown number of steps"


GATES = Claim(
    8,
    "LSTM and GRU restore early gradients",
    "Replacing the RNN with an LSTM or a GRU brings the early gradients back.",
    "The distance at which 1% of the gradient is left, in the chapter's network with each cell and "
    "several initialisations. Back means: significantly more than twice as far as in the plain "
    "RNN.",
    Question(
        "The RNN is replaced with an LSTM as PyTorch initialises it. How far does 1% of the "
        "gradient reach?",
        FURTHER,
    ),
    gates_rule,
    (DEFAULT_START, FORGET_BIAS, UPDATE_BIAS, OTHER_STARTS),
    section="Gates",
    quantity="How far back 1% of the gradient reaches in the LSTM; restored means twice as far as "
    "in the RNN",
    textbook="restored",
    formula=r"c_t = f_t \odot c_{t-1} + i_t \odot g_t \qquad "
    r"\frac{\partial c_t}{\partial c_{t-1}} \approx \mathrm{diag}(f_t)",
    why="Along the cell state the gradient is multiplied by the forget gate alone, so it lasts if "
    "that gate is near 1; PyTorch starts it near ½.",
)


DEPTH = Measurement("one layer and three", GRADIENT_DECAY, ("lstm",), {"layers": (1, 3)}, "chapter")

SAME = 1.1
"""Gradients whose asymptotic half-lives are within this factor, interval and all, fade at the same
rate."""

CHANGES = ("It fades more slowly", "It fades faster", "It fades at the same rate")


def depth_rule(results: Results) -> Verdict:
    """Does the input's gradient fade at another rate under three layers than under one?"""
    by_layers = {m.config.architecture.layers: m for m in results.of(DEPTH)}
    if len(by_layers) < 2:
        return not_measured("the chapter's LSTM with one layer and with three")
    one, three = by_layers[1], by_layers[3]
    comparison = compare_matched({one.name: one, three.name: three})
    rates = {m: comparison.estimate(m.name, "decay_rate") for m in (one, three)}
    alike = fade_alike(rates[one], rates[three])
    slower = is_better(comparison, "half_life_steps", three.name, one.name)
    layers = rates_by_layer(results, three)
    in_words = [
        f"{'unknown' if rate.value is None else number(rate.value)} in {m.name} ({spread(rate)})"
        for m, rate in rates.items()
    ]
    figure = f"Gradient kept per step back (k = T/10 to 6T/10): {', '.join(in_words)}."
    if layers:
        parts = [f"{number(rate.value or 0.0)} in layer {layer}" for layer, rate in layers.items()]
        figure += f" For the input of each of the three layers: {listed(parts)}."
    answers = {None: None, True: CHANGES[0], False: CHANGES[1]}
    return combined(
        [False if alike else None if slower is None else True],
        figure,
        _depth_in_words(rates[one], rates[three], alike=alike, slower=slower),
        measured=f"{_rate(rates[one])} → {_rate(rates[three])}",
        spread=f"three layers: {spread(rates[three])}",
        answer=CHANGES[2] if alike else answers[slower],
        evidence=evidence(one, three),
        numbers={
            "one layer": rates[one],
            "three layers": rates[three],
            **{f"layer {layer} of three": rate for layer, rate in layers.items()},
        },
    )


def _rate(rate: Estimate) -> str:
    return "–" if rate.value is None else number(rate.value)


def _depth_in_words(one: Estimate, three: Estimate, *, alike: bool, slower: Truth) -> str:
    """`Per step back 0.621 of the gradient is kept under three layers and 0.618 under one: …`."""
    words = (
        "the half-lives are within 10% of each other"
        if alike
        else "no significant difference"
        if slower is None
        else "it fades more slowly"
        if slower
        else "it fades faster"
    )
    return (
        f"Per step back, {_rate(three)} of the gradient is kept with three layers and "
        f"{_rate(one)} with one: {words}."
    )


def fade_alike(one: Estimate, other: Estimate) -> bool:
    """Whether the half-lives are within SAME of each other, at either end of the intervals."""
    ends = [end for end in (one.low, one.high, other.low, other.high) if end is not None]
    if len(ends) < 4 or not all(0 < end < 1 for end in ends):
        return False
    low, high, other_low, other_high = (-math.log(end) for end in ends)
    return max(low / other_high, other_low / high) <= SAME


def rates_by_layer(results: Results, matched: MatchedRuns) -> Mapping[int, Estimate]:
    """The decay rate of each layer's input gradient over seeds, from a run's table `decay`."""
    table = results.table(matched.run_id, "decay")
    if table is None:
        return {}
    last = table[table["training_step"] == table["training_step"].max()]
    rates = {
        int(layer): geometric_mean_estimate(rows["decay_rate"].tolist())
        for layer, rows in last.groupby("layer")
    }
    return {layer: rate for layer, rate in rates.items() if rate.value is not None}


LAYERS = Claim(
    11,
    "Stacking three LSTM layers changes how fast the gradient fades",
    "Stacking three LSTM layers changes how fast the gradient fades over time.",
    "The asymptotic rate at which the input's gradient fades under one layer and under three, and "
    "layer by layer; alike means asymptotic half-lives within 10%.",
    Question(
        "Two more layers are put on top of the LSTM. What becomes of the input's gradient?", CHANGES
    ),
    depth_rule,
    (DEPTH,),
    section="Depth and direction",
    quantity="Gradient kept per step back, with one layer → with three",
    textbook="a change",
    formula=r"h^{(l)}_t = \mathrm{LSTM}^{(l)}\bigl(h^{(l-1)}_t,\, h^{(l)}_{t-1}\bigr)",
    why="With several layers the gradient can go back in time in any of them, so the layer that "
    "keeps most decides.",
)
