"""The equations of one time step, one class per cell, each with its adjoint beside it.

A cell adds what it reads of the input and of the old state, a = W_ih x_t + b + W_hh h_{t−1}, and
turns the blocks of a into the new state, element by element. `step` does that and leaves the gates
in place of a, where `adjoint` needs them. `adjoint` is the step's transposed Jacobian applied to
gradients: one step of backpropagation through time.

In the equations a prime marks what the step makes: h' is h_t. In the adjoints `grad_h` and `grad_c`
are ∂L/∂h and ∂L/∂c; for a gate x, `to_x` is ∂L/∂x and `grad_x` is ∂L/∂a_x, back through its
nonlinearity.

Shapes: ... any leading axes (seeds, or none), B batch, H hidden, I input, G = gates·H rows of
PyTorch's weights, A = blocks·H columns of a. In `adjoint` the gradients may have K rows where the
state has B = 1: the identity for K = H gives the Jacobian itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, Protocol

import torch
from torch import Tensor

from core.models.architecture import Architecture
from core.models.layer import Equation, State, StepCell
from core.models.registry import cell_kind


class Weights(NamedTuple):
    """PyTorch's four parameters of one layer and direction: ...GI, ...GH, ...G and ...G."""

    weight_ih: Tensor
    weight_hh: Tensor
    bias_ih: Tensor
    bias_hh: Tensor


class PackedWeights(NamedTuple):
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


class Cell(Protocol):
    """What a recurrence over time needs to know of its cell."""

    weight_blocks: ClassVar[tuple[str, ...]]
    """The blocks of H rows of PyTorch's weights, in order."""
    states: ClassVar[tuple[str, ...]]
    blocks: ClassVar[int]
    """How many blocks of H columns a has."""
    symbols: ClassVar[tuple[str, ...]]
    """Their symbols, in order."""

    @property
    def equations(self) -> tuple[Equation, ...]:
        """The lines of a step in order: blocks that it leaves in a, and the new states."""

    def pack(self, weights: Weights) -> PackedWeights:
        """PyTorch's parameters → those that one step uses."""

    def unpack_gradients(
        self, grad_input: Tensor, grad_hidden: Tensor, grad_bias: Tensor
    ) -> Weights:
        """Gradients of the packed weights → those of PyTorch's four parameters."""

    def reads_input(self, a: Tensor) -> Tensor:
        """The blocks of a that x_t reaches (a view)."""

    def reads_hidden(self, a: Tensor) -> Tensor:
        """The blocks of a that h_{t−1} reaches (a view)."""

    def step(self, a: Gates, state: State, weights: PackedWeights) -> State:
        """State t−1 → state t; a comes as W_ih x_t + b and is left as the gates."""

    def adjoint(
        self,
        grad_state: State,
        a: Gates,
        state: State,
        next_state: State,
        weights: PackedWeights,
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
    """x weight, by bmm where it fits: matmul takes longer to choose."""
    return torch.bmm(x, weight) if x.dim() == weight.dim() == 3 else x @ weight


def plus_product(a: Tensor, x: Tensor, weight_T: Tensor, out: Tensor | None = None) -> Tensor:
    """a + x weight_T, as one call where there is one (at most one leading axis)."""
    if x.dim() == weight_T.dim() == 2:
        return torch.addmm(a, x, weight_T, out=out)
    if x.dim() == weight_T.dim() == 3:
        return torch.baddbmm(a, x, weight_T, out=out)
    return torch.add(a, x @ weight_T, out=out)


# Looked up once: a look-up takes as long as a small operation.
_sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input
_tanh_backward = torch.ops.aten.tanh_backward.grad_input
_threshold_backward = torch.ops.aten.threshold_backward.grad_input


def sigmoid_backward(grad: Tensor, y: Tensor, out: Tensor) -> None:
    """out = grad ⊙ y ⊙ (1 − y), for y = σ(a)."""
    _sigmoid_backward(grad, y, grad_input=out)


def tanh_backward(grad: Tensor, y: Tensor, out: Tensor) -> Tensor:
    """out = grad ⊙ (1 − y²), for y = tanh(a)."""
    _tanh_backward(grad, y, grad_input=out)
    return out


def relu_backward(grad: Tensor, y: Tensor, out: Tensor) -> None:
    """out = grad where y > 0, else 0, for y = relu(a)."""
    _threshold_backward(grad, y, 0, grad_input=out)


class _SameBlocks:
    """A cell whose blocks of a are the blocks of PyTorch's weights, in the same order."""

    def pack(self, weights: Weights) -> PackedWeights:
        """Add both biases, b = b_ih + b_hh, and copy W_hhᵀ."""
        hidden_T = weights.weight_hh.mT.contiguous()
        bias = weights.bias_ih + weights.bias_hh
        return PackedWeights(weights.weight_ih, weights.weight_hh, hidden_T, bias)

    def unpack_gradients(
        self, grad_input: Tensor, grad_hidden: Tensor, grad_bias: Tensor
    ) -> Weights:
        """Hand the gradient of b to both biases: they are added."""
        return Weights(grad_input, grad_hidden, grad_bias, grad_bias)

    def reads_input(self, a: Tensor) -> Tensor:
        return a

    def reads_hidden(self, a: Tensor) -> Tensor:
        return a


@dataclass(frozen=True)
class VanillaRNN(_SameBlocks):
    """Elman (1990), "Finding structure in time".

    h' = φ(W_ih x + b + W_hh h)      φ = tanh or relu; identity leaves a linear recurrence
    """

    nonlinearity: Literal["tanh", "relu", "identity"] = "tanh"
    weight_blocks: ClassVar[tuple[str, ...]] = cell_kind("rnn").weight_blocks
    states: ClassVar[tuple[str, ...]] = cell_kind("rnn").states
    blocks: ClassVar[int] = 1
    symbols: ClassVar[tuple[str, ...]] = ("h",)

    @property
    def equations(self) -> tuple[Equation, ...]:
        phi = {"tanh": r"\tanh({a_h})", "relu": r"\mathrm{{relu}}({a_h})", "identity": "{a_h}"}
        return (Equation("h'", phi[self.nonlinearity], "Hidden state"),)

    def step(self, a: Gates, state: State, weights: PackedWeights) -> State:
        """h' = φ(a)."""
        (h,) = state
        h = plus_product(a.reads_hidden, h, weights.hidden_T)
        if self.nonlinearity == "tanh":
            h.tanh_()
        elif self.nonlinearity == "relu":
            h.relu_()
        return (h,)

    def adjoint(
        self,
        grad_state: State,
        a: Gates,
        state: State,
        next_state: State,
        weights: PackedWeights,
        grad_a: Gates,
    ) -> State:
        """∂a = ∂h' ⊙ φ'(a);  ∂h = W_hhᵀ ∂a."""
        (grad_h,), (h,) = grad_state, next_state
        if self.nonlinearity == "tanh":
            tanh_backward(grad_h, h, out=grad_a.reads_hidden)
        elif self.nonlinearity == "relu":
            relu_backward(grad_h, h, out=grad_a.reads_hidden)
        else:
            grad_a.reads_hidden.copy_(grad_h)
        return (product(grad_a.reads_hidden, weights.hidden),)


@dataclass(frozen=True)
class LSTM(_SameBlocks):
    """Hochreiter & Schmidhuber (1997) with the forget gate of Gers, Schmidhuber & Cummins (2000).

    i = σ(a_i)   f = σ(a_f)   g = tanh(a_g)   o = σ(a_o)
    c' = f ⊙ c + i ⊙ g
    h' = o ⊙ tanh(c')
    """

    weight_blocks: ClassVar[tuple[str, ...]] = cell_kind("lstm").weight_blocks
    states: ClassVar[tuple[str, ...]] = cell_kind("lstm").states
    blocks: ClassVar[int] = 4
    symbols: ClassVar[tuple[str, ...]] = ("i", "f", "g", "o")
    equations: ClassVar[tuple[Equation, ...]] = (
        Equation("i", r"\sigma({a_i})", "Input gate", gate=True),
        Equation("f", r"\sigma({a_f})", "Forget gate", gate=True),
        Equation("g", r"\tanh({a_g})", "Candidate"),
        Equation("o", r"\sigma({a_o})", "Output gate", gate=True),
        Equation("c'", r"{f} \odot {c} + {i} \odot {g}", "Cell state"),
        Equation("h'", r"{o} \odot \tanh({c'})", "Hidden state"),
    )

    def step(self, a: Gates, state: State, weights: PackedWeights) -> State:
        """Take the step of the class's equations."""
        h, c = state
        a_i, a_f, a_g, a_o = plus_product(a.reads_hidden, h, weights.hidden_T).chunk(4, dim=-1)
        i, f, g, o = a.blocks
        torch.sigmoid(a_i, out=i)
        torch.sigmoid(a_f, out=f)
        torch.tanh(a_g, out=g)
        torch.sigmoid(a_o, out=o)
        c = torch.addcmul(f * c, i, g)
        h = o * torch.tanh(c)
        return h, c

    def adjoint(
        self,
        grad_state: State,
        a: Gates,
        state: State,
        next_state: State,
        weights: PackedWeights,
        grad_a: Gates,
    ) -> State:
        """∂c' += ∂h' ⊙ o ⊙ tanh'(c'), then the gates;  ∂c = f ⊙ ∂c';  ∂h = W_hhᵀ ∂a."""
        grad_h, grad_c = grad_state
        c, tanh_c = state[1], torch.tanh(next_state[1])
        i, f, g, o = a.blocks
        grad_i, grad_f, grad_g, grad_o = grad_a.blocks
        to_o, to_c = grad_h * tanh_c, grad_h * o
        grad_c = grad_c + tanh_backward(to_c, tanh_c, out=to_c)
        to_i, to_f, to_g = grad_c * g, grad_c * c, grad_c * i
        grad_c = grad_c * f
        sigmoid_backward(to_i, i, out=grad_i)
        sigmoid_backward(to_f, f, out=grad_f)
        tanh_backward(to_g, g, out=grad_g)
        sigmoid_backward(to_o, o, out=grad_o)
        return product(grad_a.reads_hidden, weights.hidden), grad_c


@dataclass(frozen=True)
class GRU:
    """Cho et al. (2014), with the reset gate after the product, as cuDNN and PyTorch have it.

    m = W_hn h + b_hn
    r = σ(a_r)   z = σ(a_z)   n = tanh(W_in x + b_in + r ⊙ m)
    h' = (1 − z) ⊙ n + z ⊙ h

    The blocks of a are m, r, z, n: h reaches the first three, x the last three.
    """

    weight_blocks: ClassVar[tuple[str, ...]] = cell_kind("gru").weight_blocks
    states: ClassVar[tuple[str, ...]] = cell_kind("gru").states
    blocks: ClassVar[int] = 4
    symbols: ClassVar[tuple[str, ...]] = ("m", "r", "z", "n")
    equations: ClassVar[tuple[Equation, ...]] = (
        Equation("m", "{a_m}", "Read of the old state"),
        Equation("r", r"\sigma({a_r})", "Reset gate", gate=True),
        Equation("z", r"\sigma({a_z})", "Update gate", gate=True),
        Equation("n", r"\tanh({a_n} + {r} \odot {m})", "Candidate"),
        Equation("h'", r"(1 - {z}) \odot {n} + {z} \odot {h}", "Hidden state"),
    )

    def pack(self, weights: Weights) -> PackedWeights:
        """Reorder rows r, z, n of the recurrent weights to m, r, z, and biases to m, r, z, n."""
        width = weights.weight_hh.shape[-1]
        hidden = weights.weight_hh.roll(width, dims=-2)
        b_ir, b_iz, b_in = weights.bias_ih.chunk(3, dim=-1)
        b_hr, b_hz, b_hn = weights.bias_hh.chunk(3, dim=-1)
        bias = torch.cat([b_hn, b_ir + b_hr, b_iz + b_hz, b_in], dim=-1)
        return PackedWeights(weights.weight_ih, hidden, hidden.mT.contiguous(), bias)

    def unpack_gradients(
        self, grad_input: Tensor, grad_hidden: Tensor, grad_bias: Tensor
    ) -> Weights:
        """Reorder rows m, r, z back to r, z, n."""
        width = grad_hidden.shape[-1]
        grad_bias_hh = self.reads_hidden(grad_bias).roll(-width, dims=-1)
        grad_hidden = grad_hidden.roll(-width, dims=-2)
        return Weights(grad_input, grad_hidden, self.reads_input(grad_bias), grad_bias_hh)

    def reads_input(self, a: Tensor) -> Tensor:
        """Select blocks r, z, n."""
        return a[..., a.shape[-1] // 4 :]

    def reads_hidden(self, a: Tensor) -> Tensor:
        """Select blocks m, r, z."""
        return a[..., : 3 * a.shape[-1] // 4]

    def step(self, a: Gates, state: State, weights: PackedWeights) -> State:
        """Take the step of the class's equations, the last one as h' = n + z ⊙ (h − n)."""
        (h,) = state
        a_m, a_r, a_z = plus_product(a.reads_hidden, h, weights.hidden_T).chunk(3, dim=-1)
        m, r, z, n = a.blocks
        m.copy_(a_m)
        torch.sigmoid(a_r, out=r)
        torch.sigmoid(a_z, out=z)
        n.addcmul_(r, m).tanh_()
        return (torch.lerp(n, h, z),)

    def adjoint(
        self,
        grad_state: State,
        a: Gates,
        state: State,
        next_state: State,
        weights: PackedWeights,
        grad_a: Gates,
    ) -> State:
        """The gates, from the last line to the first;  ∂h = z ⊙ ∂h' + W_hhᵀ ∂a."""
        (grad_h,), (h,) = grad_state, state
        m, r, z, n = a.blocks
        grad_m, grad_r, grad_z, grad_n = grad_a.blocks
        to_z, to_n, to_h = grad_h * (h - n), grad_h * (1 - z), grad_h * z
        sigmoid_backward(to_z, z, out=grad_z)
        tanh_backward(to_n, n, out=grad_n)
        to_r = grad_n * m
        torch.mul(grad_n, r, out=grad_m)
        sigmoid_backward(to_r, r, out=grad_r)
        return (plus_product(to_h, grad_a.reads_hidden, weights.hidden),)


CELLS: dict[str, Callable[[Architecture], Cell]] = {
    "rnn": lambda architecture: VanillaRNN(architecture.nonlinearity),
    "lstm": lambda architecture: LSTM(),
    "gru": lambda architecture: GRU(),
}


def cell_of(architecture: Architecture) -> Cell | StepCell:
    """The equations of the cell that an architecture names."""
    step_cell = cell_kind(architecture.cell).step_cell
    return CELLS[architecture.cell](architecture) if step_cell is None else step_cell
