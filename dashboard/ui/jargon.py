"""What the field's words mean, each with its formula and an example of two lines, for tooltips."""

from __future__ import annotations

JACOBIAN = r"""
**Jacobian** of a step: how each number of the new state answers to each number of the old one,
$J_t = \partial s_t / \partial s_{t-1}$.

Example: $s_t = 0.5\,s_{t-1}$ has $J = 0.5$.
Ten such steps leave $0.5^{10} \approx 0.001$ of a change.
"""

HALF_LIFE = r"""
**Half-life**: the number of steps after which half of the gradient is left,
$n = \ln \tfrac12 / \ln \rho$, where each step keeps the share $\rho$.

Example: $\rho = 0.9$ has a half-life of 6.6 steps.
After 66 steps a thousandth is left.
"""

DECAY_RATE = r"""
**Gradient kept per step** $\rho$: the factor between the gradient's size at neighbouring steps,
$\lVert \partial L/\partial x_{t-1} \rVert \approx \rho \, \lVert \partial L/\partial x_t \rVert$.

Example: $\rho = 0.9$ leaves $0.9^{100} = 0.00003$ after 100 steps.
$\rho = 1.1$ makes it 13,781 times as large.
"""

LYAPUNOV = r"""
**Lyapunov exponent**: the average rate at which a small difference between two states grows,
$\lambda = \lim \tfrac1n \ln \lVert J_n \cdots J_1 \rVert$.

Example: $\lambda = -0.1$ shrinks a difference to $e^{-0.1} = 0.90$ of itself per step.
$\lambda > 0$ makes it grow: the network is chaotic.
"""

STATE_GRADIENT = r"""
**State gradient**: how much the loss depends on the whole state of an earlier step,
$\partial L / \partial (h_t, c_t)$; the **input gradient** is $\partial L / \partial x_t$.

Example: a closed input gate makes the input gradient small,
but an open forget gate keeps the state gradient large.
"""

SINGULAR_VALUE = r"""
**Largest singular value** $\sigma_1$ of a Jacobian: the most that a step can stretch any change,
$\sigma_1 = \max \lVert J v \rVert / \lVert v \rVert$.

Example: $\sigma_1 = 0.8$ at every step leaves at most $0.8^{20} = 0.01$ after 20 steps.
$\sigma_1 > 1$ alone does not make a gradient explode.
"""

SLIDER = r"""
What the slider moves. **Forget bias** and **update bias** shift a gate before its sigmoid,
$f = \sigma(Wx + Uh + b)$; the **recurrent gain** multiplies $U$; of any other cell a number is
added to a vector of its parameters.

Example: a bias of 2 opens the gate to $\sigma(2) = 0.88$.
A gain of 0 cuts the recurrence.
"""

OF_MEASURES = {
    "log10_input_gradient": STATE_GRADIENT,
    "log10_state_gradient": STATE_GRADIENT,
    "half_life_steps": HALF_LIFE,
    "decay_rate": DECAY_RATE,
    "state_decay_rate": DECAY_RATE,
    "largest_singular_value": SINGULAR_VALUE,
    "spectral_radius": JACOBIAN,
    "log10_product_norm": JACOBIAN,
    "exponent": LYAPUNOV,
    "running_exponent": LYAPUNOV,
}
"""Measure → what its name means."""
