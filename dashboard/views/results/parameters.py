"""What does each architecture cost to hold?"""

from __future__ import annotations

from core.experiments.parameter_count import PARAMETER_COUNT
from dashboard.figures.base import measures
from dashboard.figures.dots import Stack
from dashboard.figures.leading import leading
from dashboard.figures.lines import Scaling
from dashboard.views.results import budget
from dashboard.views.results.frame import results_page

METHOD = """
Counts are exact and have no interval. A layer of width H that reads I features has
G·(I·H + H² + 2H) parameters in each direction, with G = 1 weight block for the plain RNN, 4 for
the LSTM and 3 for the GRU; a layer above the first reads all directions of the one below. Every
count is also taken from the tensors of a real PyTorch model, and the two must agree. PyTorch keeps
two bias vectors where the equations need one: the *effective* count leaves out those that only add
to another.

The state is what one sequence carries from step to step, over all layers and directions.
Multiply-accumulates are those of the matrix products for one token, forward.

Activation memory is measured: every tensor that the backward graph of one real forward pass keeps,
each storage once, without parameters and input; for PyTorch's fused kernels and for this project's
equations. It is what T steps of training hold beside the parameters.
"""

FIGURES = (
    leading(PARAMETER_COUNT),
    Stack("By part", "parts", "part", "parameters"),
    Scaling(
        "Activation memory",
        "activations",
        measures("activation_mib", "bytes_per_step"),
    ),
)

results_page(PARAMETER_COUNT, FIGURES, METHOD, below=budget.box)
