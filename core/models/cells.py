"""The equations of one time step, one class per cell, each with its adjoint beside it.

`a` holds the blocks of a = W_ih x_t + b + W_hh h_{t−1}; a prime marks what the step makes: h' is
h_t. In the adjoints `grad_x` is ∂L/∂x, and `to_x` is what arrives at the gate x before it passes
back through the gate's nonlinearity.

Shapes: ... any leading axes (seeds, or none), B batch, H hidden; see `cell`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from core.architecture import Architecture
from core.models.cell import (
    Arranged,
    Cell,
    Equation,
    Gates,
    State,
    Weights,
    plus_product,
    product,
    through_relu,
    through_sigmoid,
    through_tanh,
)


class _Plain:
    """Blocks of a are the gates of PyTorch's weights, in the same order."""

    def arrange(self, weights: Weights) -> Arranged:
        """b = b_ih + b_hh."""
        hidden_T = weights.weight_hh.mT.contiguous()
        bias = weights.bias_ih + weights.bias_hh
        return Arranged(weights.weight_ih, weights.weight_hh, hidden_T, bias)

    def disarrange(self, grad_input: Tensor, grad_hidden: Tensor, grad_bias: Tensor) -> Weights:
        """Both biases are added, so they have the same gradient."""
        return Weights(grad_input, grad_hidden, grad_bias, grad_bias)

    def reads_input(self, a: Tensor) -> Tensor:
        """All of a."""
        return a

    def reads_hidden(self, a: Tensor) -> Tensor:
        """All of a."""
        return a


@dataclass(frozen=True)
class VanillaRNN(_Plain):
    """Elman (1990), "Finding structure in time".

    h' = φ(W_ih x + b + W_hh h)      φ = tanh or relu; identity leaves a linear recurrence
    """

    nonlinearity: Literal["tanh", "relu", "identity"] = "tanh"
    gates: ClassVar[tuple[str, ...]] = ("hidden",)
    states: ClassVar[tuple[str, ...]] = ("h",)
    blocks: ClassVar[int] = 1
    symbols: ClassVar[tuple[str, ...]] = ("h",)

    @property
    def equations(self) -> tuple[Equation, ...]:
        """With the nonlinearity that it has."""
        written = {"tanh": r"\tanh({a_h})", "relu": r"\mathrm{{relu}}({a_h})", "identity": "{a_h}"}
        return (Equation("h'", written[self.nonlinearity], "Hidden state"),)

    def step(self, a: Gates, state: State, weights: Arranged) -> State:
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
        weights: Arranged,
        grad_a: Gates,
    ) -> State:
        """∂a = ∂h' ⊙ φ'(a);  ∂h = W_hhᵀ ∂a."""
        (grad_h,), (h,) = grad_state, next_state
        if self.nonlinearity == "tanh":
            through_tanh(grad_h, h, out=grad_a.reads_hidden)
        elif self.nonlinearity == "relu":
            through_relu(grad_h, h, out=grad_a.reads_hidden)
        else:
            grad_a.reads_hidden.copy_(grad_h)
        return (product(grad_a.reads_hidden, weights.hidden),)


@dataclass(frozen=True)
class LSTM(_Plain):
    """Hochreiter & Schmidhuber (1997) with the forget gate of Gers, Schmidhuber & Cummins (2000).

    i = σ(a_i)   f = σ(a_f)   g = tanh(a_g)   o = σ(a_o)
    c' = f ⊙ c + i ⊙ g
    h' = o ⊙ tanh(c')
    """

    gates: ClassVar[tuple[str, ...]] = ("input", "forget", "candidate", "output")
    states: ClassVar[tuple[str, ...]] = ("h", "c")
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

    def step(self, a: Gates, state: State, weights: Arranged) -> State:
        """The three lines above."""
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
        weights: Arranged,
        grad_a: Gates,
    ) -> State:
        """∂c' += ∂h' ⊙ o ⊙ tanh'(c'), then the gates;  ∂c = f ⊙ ∂c';  ∂h = W_hhᵀ ∂a."""
        grad_h, grad_c = grad_state
        c, tanh_c = state[1], torch.tanh(next_state[1])
        i, f, g, o = a.blocks
        grad_i, grad_f, grad_g, grad_o = grad_a.blocks
        to_o, to_c = grad_h * tanh_c, grad_h * o
        grad_c = grad_c + through_tanh(to_c, tanh_c, out=to_c)
        to_i, to_f, to_g = grad_c * g, grad_c * c, grad_c * i
        grad_c = grad_c * f
        through_sigmoid(to_i, i, out=grad_i)
        through_sigmoid(to_f, f, out=grad_f)
        through_tanh(to_g, g, out=grad_g)
        through_sigmoid(to_o, o, out=grad_o)
        return product(grad_a.reads_hidden, weights.hidden), grad_c


@dataclass(frozen=True)
class GRU:
    """Cho et al. (2014), with the reset gate after the product, as cuDNN and PyTorch have it.

    m = W_hn h + b_hn
    r = σ(a_r)   z = σ(a_z)   n = tanh(W_in x + b_in + r ⊙ m)
    h' = (1 − z) ⊙ n + z ⊙ h

    The blocks of a are m, r, z, n: h reaches the first three, x the last three.
    """

    gates: ClassVar[tuple[str, ...]] = ("reset", "update", "candidate")
    states: ClassVar[tuple[str, ...]] = ("h",)
    blocks: ClassVar[int] = 4
    symbols: ClassVar[tuple[str, ...]] = ("m", "r", "z", "n")
    equations: ClassVar[tuple[Equation, ...]] = (
        Equation("m", "{a_m}", "Read of the old state"),
        Equation("r", r"\sigma({a_r})", "Reset gate", gate=True),
        Equation("z", r"\sigma({a_z})", "Update gate", gate=True),
        Equation("n", r"\tanh({a_n} + {r} \odot {m})", "Candidate"),
        Equation("h'", r"(1 - {z}) \odot {n} + {z} \odot {h}", "Hidden state"),
    )

    def arrange(self, weights: Weights) -> Arranged:
        """Rows r, z, n of the recurrent weights → m, r, z; biases → m, r, z, n."""
        width = weights.weight_hh.shape[-1]
        hidden = weights.weight_hh.roll(width, dims=-2)
        b_ir, b_iz, b_in = weights.bias_ih.chunk(3, dim=-1)
        b_hr, b_hz, b_hn = weights.bias_hh.chunk(3, dim=-1)
        bias = torch.cat([b_hn, b_ir + b_hr, b_iz + b_hz, b_in], dim=-1)
        return Arranged(weights.weight_ih, hidden, hidden.mT.contiguous(), bias)

    def disarrange(self, grad_input: Tensor, grad_hidden: Tensor, grad_bias: Tensor) -> Weights:
        """The inverse order of rows."""
        width = grad_hidden.shape[-1]
        grad_bias_hh = self.reads_hidden(grad_bias).roll(-width, dims=-1)
        grad_hidden = grad_hidden.roll(-width, dims=-2)
        return Weights(grad_input, grad_hidden, self.reads_input(grad_bias), grad_bias_hh)

    def reads_input(self, a: Tensor) -> Tensor:
        """Blocks r, z, n."""
        return a[..., a.shape[-1] // 4 :]

    def reads_hidden(self, a: Tensor) -> Tensor:
        """Blocks m, r, z."""
        return a[..., : 3 * a.shape[-1] // 4]

    def step(self, a: Gates, state: State, weights: Arranged) -> State:
        """The lines above; h' = n + z ⊙ (h − n)."""
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
        weights: Arranged,
        grad_a: Gates,
    ) -> State:
        """The gates, from the last line to the first;  ∂h = z ⊙ ∂h' + W_hhᵀ ∂a."""
        (grad_h,), (h,) = grad_state, state
        m, r, z, n = a.blocks
        grad_m, grad_r, grad_z, grad_n = grad_a.blocks
        to_z, to_n, kept = grad_h * (h - n), grad_h * (1 - z), grad_h * z
        through_sigmoid(to_z, z, out=grad_z)
        through_tanh(to_n, n, out=grad_n)
        to_r = grad_n * m
        torch.mul(grad_n, r, out=grad_m)
        through_sigmoid(to_r, r, out=grad_r)
        return (plus_product(kept, grad_a.reads_hidden, weights.hidden),)


def cell_of(architecture: Architecture) -> Cell:
    """The equations that an architecture names."""
    if architecture.cell == "rnn":
        return VanillaRNN(architecture.nonlinearity)
    return LSTM() if architecture.cell == "lstm" else GRU()
