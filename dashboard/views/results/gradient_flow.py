"""How fast does the gradient fade with distance?"""

from __future__ import annotations

from core.experiments.gradient_decay import GRADIENT_DECAY
from dashboard.figures.base import Measure, measures
from dashboard.figures.dots import Dots
from dashboard.figures.heatmap import Heatmap
from dashboard.figures.leading import leading
from dashboard.figures.lines import Curves
from dashboard.views.results.frame import results_page

METHOD = """
A batch of standard-normal sequences runs through the network, and the loss depends on the last
output alone. The figure shows the norm of its gradient, with respect to every input or to every
full state (hidden *and* cell state), against the distance from the last step, k = T − t: per seed
the mean of log₁₀ over the samples, then the mean over the seeds, with Student's 95% interval as a
band. The decay rate is the slope of a straight line through k = T/10 to 6T/10.

A norm of exactly zero (underflow) has no logarithm. It is counted and marked under the curves, and
a curve ends where its first sample is lost: the mean over the others would say nothing of decay.
"""

GRADIENTS = measures("log10_input_gradient", "log10_state_gradient")

FIGURES = (
    leading(GRADIENT_DECAY),
    Dots("By variant", measures("decay_rate", "half_life_steps", "state_decay_rate")),
    Heatmap("By layer", "gradient", "layer", GRADIENTS),
    Heatmap("While training", "gradient", "training_step", GRADIENTS),
    Curves("Decay in training", "decay", (Measure("decay_rate", reference=1.0),)),
    Curves(
        "Jacobians",
        "jacobian",
        (Measure("largest_singular_value", reference=1.0), Measure("log10_product_norm")),
    ),
    Curves("Lyapunov spectrum", "lyapunov", (Measure("exponent", reference=0.0),)),
    Curves("Training loss", "training", (Measure("loss"),)),
)

results_page(GRADIENT_DECAY, FIGURES, METHOD)
