"""The equations of one time step, one class per cell, each with its adjoint beside it.

Every cell adds what it reads of the input and of the old state, a = W_ih x_t + b + W_hh h_{t−1},
and turns the blocks of a into the new state, element by element. `step` does that; it leaves the
gates in place of a, where `adjoint` needs them. `adjoint` is the step's transposed Jacobian
applied to gradients: one step of backpropagation through time.

Shapes: any leading axes (seeds, or none), B batch, H hidden, I input, G = gates·H rows of PyTorch's
weights, A = blocks·H columns of a. In `adjoint` the gradients may have K rows where the state has
B = 1: the identity for K = H gives the Jacobian itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, Protocol

import torch
from torch import Tensor

from core.architecture import Architecture

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


class Cell(Protocol):
    """What a recurrence over time needs to know of its cell."""

    gates: ClassVar[tuple[str, ...]]
    """The blocks of H rows of PyTorch's weights, in order."""
    states: ClassVar[tuple[str, ...]]
    blocks: ClassVar[int]
    """The blocks of H columns of a."""

    def arrange(self, weights: Weights) -> Arranged:
        """PyTorch's parameters → those that one step uses."""

    def disarrange(self, grad_input: Tensor, grad_hidden: Tensor, grad_bias: Tensor) -> Weights:
        """Gradients of the arranged weights → those of PyTorch's parameters."""

    def reads_input(self, a: Tensor) -> Tensor:
        """The blocks of a that x_t reaches (a view)."""

    def reads_hidden(self, a: Tensor) -> Tensor:
        """The blocks of a that h_{t−1} reaches (a view)."""

    def step(self, a: Tensor, state: State, weights: Arranged) -> State:
        """State t−1 → state t; a comes as W_ih x_t + b and is left as the gates."""

    def adjoint(
        self,
        grad_state: State,
        a: Tensor,
        state: State,
        next_state: State,
        weights: Arranged,
        grad_a: Tensor,
    ) -> State:
        """∂L/∂state t → ∂L/∂state t−1; a holds the gates, and ∂L/∂a is written into `grad_a`."""


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

    def step(self, a: Tensor, state: State, weights: Arranged) -> State:
        """h' = φ(a)."""
        (h,) = state
        h = plus_product(a, h, weights.hidden_T)
        if self.nonlinearity == "tanh":
            h.tanh_()
        elif self.nonlinearity == "relu":
            h.relu_()
        a.copy_(h)
        return (h,)

    def adjoint(
        self,
        grad_state: State,
        a: Tensor,
        state: State,
        next_state: State,
        weights: Arranged,
        grad_a: Tensor,
    ) -> State:
        """∂a = ∂h' ⊙ φ'(a);  ∂h = W_hhᵀ ∂a."""
        (grad_h,) = grad_state
        if self.nonlinearity == "tanh":
            through_tanh(grad_h, a, out=grad_a)
        elif self.nonlinearity == "relu":
            torch.mul(grad_h, a > 0, out=grad_a)
        else:
            grad_a.copy_(grad_h)
        return (grad_a @ weights.hidden,)


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

    def step(self, a: Tensor, state: State, weights: Arranged) -> State:
        """The three lines above."""
        h, c = state
        a_i, a_f, a_g, a_o = plus_product(a, h, weights.hidden_T).chunk(4, dim=-1)
        i, f, g, o = a.chunk(4, dim=-1)
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
        a: Tensor,
        state: State,
        next_state: State,
        weights: Arranged,
        grad_a: Tensor,
    ) -> State:
        """∂c' += ∂h' ⊙ o ⊙ tanh'(c'), then the gates;  ∂c = f ⊙ ∂c';  ∂h = W_hhᵀ ∂a."""
        grad_h, grad_c = grad_state
        c, tanh_c = state[1], torch.tanh(next_state[1])
        i, f, g, o = a.chunk(4, dim=-1)
        grad_i, grad_f, grad_g, grad_o = grad_a.chunk(4, dim=-1)
        grad_c = grad_c + through_tanh(grad_h * o, tanh_c)
        to_i, to_f, to_g, to_o = grad_c * g, grad_c * c, grad_c * i, grad_h * tanh_c
        grad_c = grad_c * f
        through_sigmoid(to_i, i, out=grad_i)
        through_sigmoid(to_f, f, out=grad_f)
        through_tanh(to_g, g, out=grad_g)
        through_sigmoid(to_o, o, out=grad_o)
        return grad_a @ weights.hidden, grad_c


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

    def arrange(self, weights: Weights) -> Arranged:
        """Rows r, z, n of the recurrent weights → m, r, z; biases → m, r, z, n."""
        width = weights.weight_hh.shape[-1]
        hidden = weights.weight_hh.roll(width, dims=-2)
        b_rz, b_n = weights.bias_ih.split([2 * width, width], dim=-1)
        b_hrz, b_m = weights.bias_hh.split([2 * width, width], dim=-1)
        bias = torch.cat([b_m, b_rz + b_hrz, b_n], dim=-1)
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

    def step(self, a: Tensor, state: State, weights: Arranged) -> State:
        """The lines above; h' = n + z ⊙ (h − n)."""
        (h,) = state
        a_m, a_r, a_z = plus_product(self.reads_hidden(a), h, weights.hidden_T).chunk(3, dim=-1)
        m, r, z, n = a.chunk(4, dim=-1)
        m.copy_(a_m)
        torch.sigmoid(a_r, out=r)
        torch.sigmoid(a_z, out=z)
        n.addcmul_(r, m).tanh_()
        return (torch.lerp(n, h, z),)

    def adjoint(
        self,
        grad_state: State,
        a: Tensor,
        state: State,
        next_state: State,
        weights: Arranged,
        grad_a: Tensor,
    ) -> State:
        """The gates, from the last line to the first;  ∂h = z ⊙ ∂h' + W_hhᵀ ∂a."""
        (grad_h,), (h,) = grad_state, state
        m, r, z, n = a.chunk(4, dim=-1)
        grad_m, grad_r, grad_z, grad_n = grad_a.chunk(4, dim=-1)
        to_z, to_n, kept = grad_h * (h - n), grad_h * (1 - z), grad_h * z
        through_sigmoid(to_z, z, out=grad_z)
        through_tanh(to_n, n, out=grad_n)
        to_r = grad_n * m
        torch.mul(grad_n, r, out=grad_m)
        through_sigmoid(to_r, r, out=grad_r)
        return (plus_product(kept, self.reads_hidden(grad_a), weights.hidden),)


def cell_of(architecture: Architecture) -> Cell:
    """The equations that an architecture names."""
    if architecture.cell == "rnn":
        return VanillaRNN(architecture.nonlinearity)
    return LSTM() if architecture.cell == "lstm" else GRU()


def plus_product(a: Tensor, x: Tensor, weight_T: Tensor) -> Tensor:
    """a + x weight_T, as one call where there is one (at most one leading axis)."""
    if a.dim() == x.dim() == weight_T.dim() == 2:
        return torch.addmm(a, x, weight_T)
    if a.dim() == x.dim() == weight_T.dim() == 3:
        return torch.baddbmm(a, x, weight_T)
    return a + x @ weight_T


def through_sigmoid(grad: Tensor, y: Tensor, out: Tensor) -> None:
    """out = grad ⊙ y ⊙ (1 − y), for y = σ(a)."""
    torch.ops.aten.sigmoid_backward.grad_input(grad, y, grad_input=out)


def through_tanh(grad: Tensor, y: Tensor, out: Tensor | None = None) -> Tensor:
    """Out = grad ⊙ (1 − y²), for y = tanh(a)."""
    out = torch.empty_like(grad) if out is None else out
    torch.ops.aten.tanh_backward.grad_input(grad, y, grad_input=out)
    return out
