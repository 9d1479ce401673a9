"""How fast does the gradient fade with distance?"""

from __future__ import annotations

from core.experiments.gradient_decay import GRADIENT_DECAY
from dashboard.figures.base import Measure, measures
from dashboard.figures.dots import Dots
from dashboard.figures.heatmap import Heatmap
from dashboard.figures.leading import leading
from dashboard.figures.lines import Curves
from dashboard.figures.sides import BothSides
from dashboard.views.results.frame import results_page

METHOD = """
A batch of standard-normal sequences runs through the network, and the loss reads the output of one
step: v·h of each sample (v drawn per seed, its elements from N(0, 1)), or the sum of h, without a
mean over samples. The figure shows the norm of its gradient, with respect to every input or to
every full state (hidden *and* cell state), against the distance k from that step: per seed the mean
of log₁₀ over the samples, then the mean over the seeds, with Student's 95% interval as a band.

**Where the loss is.** With one direction at the last of T steps. There a backward direction would
have read a single input, and a bidirectional network would fade as its forward half alone, by
construction. So with two directions the loss is at the middle one of 2T − 1 steps: each direction
has read T steps, as many as a single direction has. The *past* lies on the side that the forward
direction has read, the *future* on the other; at k = 0 each side's curve is the share that came
through its own direction. In one layer the two are networks side by side, and each side fades as
its own half does; in a stack the layers mix them. Results are of the past unless they say future.

**How far does 1% reach?** The *1% distance* is read off each seed's curve, relative to k = 0: where
it first falls to one hundredth, in a straight line between two steps of log₁₀. The *halving
distance* likewise; the float32 distance is where the norm itself reaches the smallest normal
float32, 1.18e-38: a loss that is a mean over B samples gets there sooner. A curve that does not get
there within the T − 1 steps measured gives a lower bound (≥). Over seeds: the median, with an
interval that assumes nothing of the distribution.

**How does it fade further back?** The *gradient kept per step* ρ (the asymptotic decay rate) is the
slope of a straight line through k = T/10 to 6T/10, and the *asymptotic half-life* ln ½ / ln ρ
follows from it: how many steps further halve what is left. It is not when half is gone: an LSTM
with forget bias 2 loses half in 4 steps and then half of the rest in 22. R² is that of the line
through the seed's curve in this range. Below 0.95 (a parabola from its vertex has 0.94) a straight
line does not describe the curve: then no rate is said to fade or explode. A gradient is said to
explode only if its line rises for sure, fits, and ends above where the curve began.

A norm of exactly zero (underflow) has no logarithm. It is counted and marked under the curves, and
a curve ends where its first sample is lost: the mean over the others would say nothing of decay.

**Jacobians.** The largest singular value of ∂s_t/∂s_{t−1} is a ratio of norms. An LSTM's c has no
natural unit: the same network written for c/2 has another value, on the other side of 1 even. The
spectral radius (the largest modulus of an eigenvalue) is the same in any units. But only norms
bound a product of different steps.

**Lyapunov exponents** are properties of the recurrence as it goes on, so two transients are left
out: the state fills up from zero for 500 steps, and the frame of directions turns for 50. All
exponents are then averaged over 100 steps, and the largest one over 1,000 more, on inputs of their
own (for T below 100: 5, ½, 1 and 10 times T). *Convergence* shows its mean as the steps add up. Its
interval over seeds is widened to that of the second half of these steps alone.

Training, where it is asked for, is on a recall task that is answered at the last step.
"""

GRADIENTS = measures("log10_input_gradient", "log10_state_gradient")
DISTANCES = ("half_distance_steps", "percent_distance_steps", "float32_distance_steps")

FIGURES = (
    leading(GRADIENT_DECAY),
    BothSides(
        "Both sides",
        "gradient",
        (
            Measure("log10_input_gradient", zeros="input_zeros"),
            Measure("log10_state_gradient", zeros="state_zeros"),
        ),
        "Two directions, with the loss at step 0: before it lies the past, which the forward "
        "direction has read, after it the future, which the backward direction has read.",
    ),
    Dots(
        "By variant",
        measures(*DISTANCES, "half_life_steps", "decay_rate", "state_decay_rate", "line_fit"),
    ),
    Heatmap("By layer", "gradient", "layer", GRADIENTS),
    Heatmap("While training", "gradient", "training_step", GRADIENTS),
    Curves(
        "Decay in training",
        "decay",
        (*measures(*DISTANCES), Measure("decay_rate", reference=1.0)),
    ),
    Curves(
        "Jacobians",
        "jacobian",
        (
            Measure("largest_singular_value", reference=1.0),
            Measure("spectral_radius", reference=1.0),
            Measure("log10_product_norm"),
        ),
    ),
    Curves("Lyapunov spectrum", "lyapunov", (Measure("exponent", reference=0.0),)),
    Curves("Convergence", "convergence", (Measure("running_exponent", reference=0.0),)),
    Curves("Training loss", "training", (Measure("loss"),)),
)

results_page(GRADIENT_DECAY, FIGURES, METHOD)
