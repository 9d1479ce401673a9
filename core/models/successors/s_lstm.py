"""sLSTM: an LSTM with exponential gates and a normaliser, the first half of xLSTM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from core.models.layer import Equation, Parameters, State, StepCell

if TYPE_CHECKING:
    from torch import Tensor


class SLSTM(StepCell):
    """Beck et al. (2024), "xLSTM: Extended Long Short-Term Memory", § 2.2, one head.

    With a_g = W_g x + R_g h + b_g for each gate g:

    i = exp(a_i)   f = σ(a_f)   z = tanh(a_z)   o = σ(a_o)
    c' = f ⊙ c + i ⊙ z   n' = f ⊙ n + i   h' = o ⊙ c'/n'

    exp overflows, so that c and n are kept divided by exp(m), which changes nothing of c/n:

    m' = max(log f + m, a_i);   i and f become exp(a_i − m') and exp(log f + m − m').
    """

    name: ClassVar[str] = "s-lstm"
    title: ClassVar[str] = "sLSTM"
    source: ClassVar[str] = "Beck et al. (2024)"
    equations: ClassVar[tuple[Equation, ...]] = (
        Equation(
            "m'",
            r"\max(\log \sigma(W_f {x} + R_f {h} + b_f) + {m}, W_i {x} + R_i {h} + b_i)",
            "Logarithm of the scale",
        ),
        Equation("i", r"\exp(W_i {x} + R_i {h} + b_i - {m'})", "Input gate", gate=True),
        Equation(
            "f", r"\sigma(W_f {x} + R_f {h} + b_f) \exp({m} - {m'})", "Forget gate", gate=True
        ),
        Equation("z", r"\tanh(W_z {x} + R_z {h} + b_z)", "Candidate"),
        Equation("o", r"\sigma(W_o {x} + R_o {h} + b_o)", "Output gate", gate=True),
        Equation("c'", r"{f} \odot {c} + {i} \odot {z}", "Cell state"),
        Equation("n'", r"{f} \odot {n} + {i}", "Normaliser"),
        Equation("h'", r"{o} \odot {c'} / {n'}", "Hidden state"),
    )

    def parameters(self, inputs: int, width: int) -> Mapping[str, tuple[int, ...]]:
        return {"W": (4 * width, inputs), "R": (4 * width, width), "b": (4 * width,)}

    def states(self, width: int) -> Mapping[str, int]:
        return dict.fromkeys(("h", "c", "n", "m"), width)

    def step(self, x: Tensor, state: State, p: Parameters) -> State:
        h, c, n, m = state
        a_i, a_f, a_z, a_o = (x @ p.W.T + h @ p.R.T + p.b).chunk(4, -1)
        log_f = a_f.clamp(max=0) - (-a_f.abs()).exp().log1p()  # log σ(a_f), without overflow
        largest = (log_f + m).maximum(a_i)
        i = self.watch("i", (a_i - largest).exp())
        f = self.watch("f", (log_f + m - largest).exp())
        z, o = self.watch("z", a_z.tanh()), self.watch("o", a_o.sigmoid())
        c = f * c + i * z
        n = f * n + i
        return o * c / n, c, n, largest
