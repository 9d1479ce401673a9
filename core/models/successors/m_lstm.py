"""mLSTM: an LSTM whose cell state is a matrix and whose gates do not read it, the second half of
xLSTM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from core.models.layer import Equation, Parameters, State, StepCell

if TYPE_CHECKING:
    from torch import Tensor

KEY_SIZE = 16
"""Numbers K of a key: the matrix has so many for each of the H numbers of a value."""


class MLSTM(StepCell):
    """Beck et al. (2024), "xLSTM: Extended Long Short-Term Memory", § 2.3, one head.

    q, k, v = W_q x + b_q, (W_k x + b_k)/√K, W_v x + b_v   o = σ(W_o x + b_o)
    i = exp(w_i x + b_i)   f = σ(w_f x + b_f)
    C' = f C + i v kᵀ   n' = f n + i k
    y = o ⊙ C' q / max(|n'ᵀ q|, 1)

    exp overflows, so that C and n are kept divided by exp(m), as in the sLSTM:

    m' = max(log f + m, w_i x + b_i), and the 1 of the denominator becomes exp(−m').
    """

    name: ClassVar[str] = "m-lstm"
    title: ClassVar[str] = "mLSTM"
    source: ClassVar[str] = "Beck et al. (2024)"
    equations: ClassVar[tuple[Equation, ...]] = (
        Equation(
            "m'",
            r"\max(\log \sigma(w_f {x} + b_f) + {m}, w_i {x} + b_i)",
            "Logarithm of the scale",
        ),
        Equation("i", r"\exp(w_i {x} + b_i - {m'})", "Input gate", gate=True),
        Equation("f", r"\sigma(w_f {x} + b_f) \exp({m} - {m'})", "Forget gate", gate=True),
        Equation("k", r"(W_k {x} + b_k) / \sqrt{{K}}", "Key"),
        Equation("v", r"W_v {x} + b_v", "Value"),
        Equation("C'", r"{f} \cdot {C} + {i} \cdot {v} {k}^\top", "Cell state"),
        Equation("n'", r"{f} \cdot {n} + {i} \cdot {k}", "Normaliser"),
        Equation("q", r"W_q {x} + b_q", "Query"),
        Equation("o", r"\sigma(W_o {x} + b_o)", "Output gate", gate=True),
        Equation(
            "y",
            r"{o} \odot {C'} {q} / \max(|{n'}^\top {q}|, \exp(-{m'}))",
            "Output",
        ),
    )

    def parameters(self, inputs: int, width: int) -> Mapping[str, tuple[int, ...]]:
        return {
            "W_q": (KEY_SIZE, inputs),
            "b_q": (KEY_SIZE,),
            "W_k": (KEY_SIZE, inputs),
            "b_k": (KEY_SIZE,),
            "W_v": (width, inputs),
            "b_v": (width,),
            "W_o": (width, inputs),
            "b_o": (width,),
            "W_if": (2, inputs),
            "b_if": (2,),
        }

    def states(self, width: int) -> Mapping[str, int]:
        return {"C": width * KEY_SIZE, "n": KEY_SIZE, "m": 1}

    def step(self, x: Tensor, state: State, p: Parameters) -> State:
        flat, n, m = state
        c = flat.view(*flat.shape[:-1], -1, KEY_SIZE)
        k = self.watch("k", (x @ p.W_k.T + p.b_k) / KEY_SIZE**0.5)
        v = self.watch("v", x @ p.W_v.T + p.b_v)
        a_i, a_f = (x @ p.W_if.T + p.b_if).chunk(2, -1)
        log_f = a_f.clamp(max=0) - (-a_f.abs()).exp().log1p()  # log σ(a_f), without overflow
        largest = (log_f + m).maximum(a_i)
        i = self.watch("i", (a_i - largest).exp())
        f = self.watch("f", (log_f + m - largest).exp())
        c = self.watch("C'", f[..., None] * c + (i * v)[..., None] * k[..., None, :])
        return c.flatten(-2), f * n + i * k, largest

    def output(self, x: Tensor, state: State, p: Parameters) -> Tensor:
        flat, n, m = state
        c = flat.view(*flat.shape[:-1], -1, KEY_SIZE)
        q = self.watch("q", x @ p.W_q.T + p.b_q)
        recalled = (c * q[..., None, :]).sum(-1)
        norm = (n * q).sum(-1, keepdim=True).abs().maximum((-m).exp())
        o = self.watch("o", (x @ p.W_o.T + p.b_o).sigmoid())
        return o * recalled / norm
