"""How many parameters and how much memory does each cell need?"""

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
each storage once, without parameters and input. It is what T steps of training hold beside the
parameters. The cells are compared by what this project's equations keep: of each step and hidden
unit the plain RNN 2 numbers, the LSTM 6 (four gates, c and h), the GRU 5. What PyTorch's fused
kernels keep is shown beside it, and ranks the kernels: on a CPU, oneDNN's LSTM keeps about 16.
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
