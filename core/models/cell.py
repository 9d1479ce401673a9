"""What a cell is to a recurrence over time: one step, its adjoint, and the numbers they pass on.

A cell adds what it reads of the input and of the old state, a = W_ih x_t + b + W_hh h_{t−1}, and
turns the blocks of a into the new state, element by element. `step` does that, and leaves the
gates in place of a, where `adjoint` needs them. `adjoint` is the step's transposed Jacobian
applied to gradients: one step of backpropagation through time.

Shapes: ... any leading axes (seeds, or none), B batch, H hidden, I input, G = gates·H rows of
PyTorch's weights, A = blocks·H columns of a. In `adjoint` the gradients may have K rows where the
state has B = 1: the identity for K = H gives the Jacobian itself.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor

State = tuple[Tensor, ...]
"""(h,) or (h, c); each ...BH."""


class Weights(NamedTuple):
    """PyTorch's four parameters of one layer and direction: ...GI, ...GH, ...G and ...G."""

    weight_ih: Tensor
    weight_hh: Tensor
    bias_ih: Tensor
    bias_hh: Tensor


class Arranged(NamedTuple):
    """The same numbers as one step uses them; `hidden_T` is a copy, because products are faster."""

    input: Tensor
    hidden: Tensor
    hidden_T: Tensor
    bias: Tensor


class Gates(NamedTuple):
    """Views of one step's a, which holds pre-activations first, then gates (or their gradients)."""

    reads_hidden: Tensor
    """The blocks that h_{t−1} reaches, side by side."""
    blocks: tuple[Tensor, ...]
    """Every block, ...BH."""


class Equation(NamedTuple):
    """One line of a step as people read it: what it makes, and how.

    `how` is LaTeX. A {name} in it is a block of a or a state by its symbol ({h} is h_{t−1}, {h'}
    is h_t), and {a_f} is the sum W x + b + U h that arrives at block f. Filled with symbols it is
    the equation, filled with numbers a calculation: a test holds it against what `step` makes.
    """

    makes: str
    """A block's symbol, or a state's with a prime."""
    how: str
    title: str
    gate: bool = False
    """Whether it is a gate: a number from 0 to 1."""


class Cell(Protocol):
    """What a recurrence over time needs to know of its cell."""

    gates: ClassVar[tuple[str, ...]]
    """The blocks of H rows of PyTorch's weights, in order."""
    states: ClassVar[tuple[str, ...]]
    blocks: ClassVar[int]
    """The blocks of H columns of a."""
    symbols: ClassVar[tuple[str, ...]]
    """Of the blocks of a, in order."""

    @property
    def equations(self) -> tuple[Equation, ...]:
        """What a step makes, in order: blocks that it leaves in a, and the new states."""

    def arrange(self, weights: Weights) -> Arranged:
        """PyTorch's parameters → those that one step uses."""

    def disarrange(self, grad_input: Tensor, grad_hidden: Tensor, grad_bias: Tensor) -> Weights:
        """Gradients of the arranged weights → those of PyTorch's parameters."""

    def reads_input(self, a: Tensor) -> Tensor:
        """The blocks of a that x_t reaches (a view)."""

    def reads_hidden(self, a: Tensor) -> Tensor:
        """The blocks of a that h_{t−1} reaches (a view)."""

    def step(self, a: Gates, state: State, weights: Arranged) -> State:
        """State t−1 → state t; a comes as W_ih x_t + b and is left as the gates."""

    def adjoint(
        self,
        grad_state: State,
        a: Gates,
        state: State,
        next_state: State,
        weights: Arranged,
        grad_a: Gates,
    ) -> State:
        """∂L/∂state t → ∂L/∂state t−1; a holds the gates, ∂L/∂a is written into `grad_a`.

        `grad_a` may be a itself: nothing of a block is read after its gradient is written.
        """


def gates_of_steps(cell: Cell, a_TBA: Tensor) -> list[Gates]:
    """Each step's views of ...TBA."""
    blocks = (block.unbind(-3) for block in a_TBA.chunk(cell.blocks, dim=-1))
    return list(map(Gates, cell.reads_hidden(a_TBA).unbind(-3), zip(*blocks, strict=True)))


def product(x: Tensor, weight: Tensor) -> Tensor:
    """x weight; bmm where it fits, because matmul takes longer to find out."""
    return torch.bmm(x, weight) if x.dim() == weight.dim() == 3 else x @ weight


def plus_product(a: Tensor, x: Tensor, weight_T: Tensor, out: Tensor | None = None) -> Tensor:
    """a + x weight_T, as one call where there is one (at most one leading axis)."""
    if x.dim() == weight_T.dim() == 2:
        return torch.addmm(a, x, weight_T, out=out)
    if x.dim() == weight_T.dim() == 3:
        return torch.baddbmm(a, x, weight_T, out=out)
    return torch.add(a, x @ weight_T, out=out)


_sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input
_tanh_backward = torch.ops.aten.tanh_backward.grad_input
_threshold_backward = torch.ops.aten.threshold_backward.grad_input


def through_sigmoid(grad: Tensor, y: Tensor, out: Tensor) -> None:
    """out = grad ⊙ y ⊙ (1 − y), for y = σ(a)."""
    _sigmoid_backward(grad, y, grad_input=out)


def through_tanh(grad: Tensor, y: Tensor, out: Tensor) -> Tensor:
    """out = grad ⊙ (1 − y²), for y = tanh(a)."""
    _tanh_backward(grad, y, grad_input=out)
    return out


def through_relu(grad: Tensor, y: Tensor, out: Tensor) -> None:
    """out = grad where y > 0, else 0, for y = relu(a)."""
    _threshold_backward(grad, y, 0, grad_input=out)
