"""A cell over time, layers and directions: fused (torch.nn) or from the equations.

Both hold the same parameters under torch.nn's names, so a state_dict moves between the two. From
the equations there may be a leading seed axis S: S networks of one architecture in one pass.

Shapes: S seeds or nothing, T time, B batch, I input, H hidden, D directions, L layers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, Self, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from core.architecture import Architecture
from core.models.cell import Arranged, Cell, State, Weights
from core.models.cells import cell_of
from core.models.initialisation import draw_parameters, parameter_names
from core.models.unrolled import Trace, run_unrolled, unroll

Implementation = Literal["fused", "equations"]


class Recurrent(nn.Module):
    """Any architecture, at an input size.

    One generator draws one network's parameters. A sequence of S generators makes S networks
    side by side (equations only): network i depends on generator i alone. Without generators
    torch's global one is used. `cell` overrides the architecture's, for cells that it does not
    know. Raises ValueError where fused kernels have no such cell or no seed axis.
    """

    def __init__(
        self,
        architecture: Architecture,
        input_size: int,
        *,
        implementation: Implementation = "fused",
        generators: torch.Generator | Sequence[torch.Generator] | None = None,
        cell: Cell | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.input_size = input_size
        self.cell = cell_of(architecture) if cell is None else cell
        self.seeds = len(generators) if isinstance(generators, Sequence) else None
        drawn = draw_parameters(
            architecture, self.cell, input_size, generators or torch.default_generator
        )
        for name, parameter in drawn.items():
            self.register_parameter(name, nn.Parameter(parameter.to(dtype)))
        self._fused: tuple[nn.RNNBase, ...] = ()
        if implementation == "fused":
            if self.seeds is not None or cell is not None:
                raise ValueError("fused kernels know neither seeds nor cells; choose equations")
            self._fused = (self._borrowing_layer(),)

    def _borrowing_layer(self) -> nn.RNNBase:
        """torch.nn's layer around this module's parameters.

        It is kept in a tuple: registered as a submodule it would prefix their names.
        """
        shape = self.architecture
        kinds: dict[str, Callable[..., nn.RNNBase]] = {
            "rnn": partial(nn.RNN, nonlinearity=shape.nonlinearity),
            "lstm": nn.LSTM,
            "gru": nn.GRU,
        }
        layer = kinds[shape.cell](
            self.input_size,
            shape.hidden_size,
            num_layers=shape.layers,
            bidirectional=shape.bidirectional,
            device="meta",
        )
        for name, parameter in self.named_parameters():
            setattr(layer, name, parameter)
        return layer

    def weights(self, layer: int, direction: int) -> Weights:
        """The four parameters of one layer and direction, both counted from 0."""
        return Weights(*(getattr(self, name) for name in parameter_names(layer, direction)))

    def forward(self, x_TBI: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Output ...TB(D·H) of the top layer, and the last states, each ...(L·D)BH.

        `state` is such a tuple, (h,) or (h, c), from which to start; left out: zeros.
        """
        if self._fused:
            return self._forward_fused(x_TBI, state)
        first = self._first_states(x_TBI) if state is None else state
        last: list[State] = []
        output = x_TBI
        for layer in range(self.architecture.layers):
            read: list[Tensor] = []
            for direction in range(self.architecture.directions):
                start = tuple(s.select(-3, len(last)) for s in first)
                x, weights = turned(output, direction), self.weights(layer, direction)
                y, end = run_unrolled(self.cell, x, weights, start)
                read.append(y)
                last.append(end)
            output = side_by_side(read)
        return output, tuple(torch.stack(parts, dim=-3) for parts in zip(*last, strict=True))

    def forward_packed(self, packed: PackedSequence) -> tuple[PackedSequence, State]:
        """The same of sequences that end at different steps, from zeros; no step is padding.

        Raises ValueError from the equations: they step whole batches.
        """
        if not self._fused:
            raise ValueError("the equations know no packed sequences; choose fused")
        (layer,) = self._fused
        output, last = layer(packed)
        return output, last if isinstance(last, tuple) else (last,)

    def _forward_fused(self, x_TBI: Tensor, state: State | None) -> tuple[Tensor, State]:
        (layer,) = self._fused
        single = len(self.cell.states) == 1
        output, last = layer(x_TBI, state[0] if state is not None and single else state)
        return output, (last,) if single else cast(State, last)

    def over_lengths(self, x_TBI: Tensor, lengths_B: Tensor) -> tuple[Tensor, State]:
        """Each sequence of a padded batch to its own end (fused only): padding is never read.

        Outputs are zero at padding; the last states are those at each sequence's end. A backward
        direction starts there. Batches of one length go the fast way: packing costs several times
        more on a CPU.
        """
        steps = x_TBI.shape[0]
        if bool((lengths_B == steps).all()):
            return self(x_TBI)  # type: ignore[no-any-return]
        packed = pack_padded_sequence(x_TBI, lengths_B, enforce_sorted=False)
        output, last = self.forward_packed(packed)
        return pad_packed_sequence(output, total_length=steps)[0], last

    def _first_states(self, x_TBI: Tensor) -> State:
        *lead, _, batch, _ = x_TBI.shape
        count = self.architecture.layers * self.architecture.directions
        shape = (*lead, count, batch, self.architecture.hidden_size)
        return tuple(x_TBI.new_zeros(shape) for _ in self.cell.states)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """After a move to another device, cuDNN wants the weights in one piece again."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for layer in self._fused:
            layer.flatten_parameters()
        return self

    @torch.no_grad()
    def traces(self, x_TBI: Tensor, seeds: slice = slice(None)) -> list[list[Trace]]:
        """[layer][direction] → the trace of a forward pass from zeros, for adjoints to run on.

        `seeds` takes some of the S networks; x has as many. A backward direction's trace runs in
        its own reading order: its step 1 reads x_T.
        """
        layers: list[list[Trace]] = []
        output = x_TBI
        for layer in range(self.architecture.layers):
            passes = [
                unroll(
                    self.cell, self._arranged(layer, direction, seeds), turned(output, direction)
                )
                for direction in range(self.architecture.directions)
            ]
            layers.append(passes)
            output = side_by_side([p.output_TBH for p in passes])
        return layers

    def _arranged(self, layer: int, direction: int, seeds: slice) -> Arranged:
        taken = slice(None) if self.seeds is None else seeds
        parameters = self.weights(layer, direction)
        return self.cell.arrange(Weights(*(p.detach()[taken] for p in parameters)))


def turned(sequence_TBX: Tensor, direction: int) -> Tensor:
    """A sequence in the reading order of a direction (and back): direction 1 reads from the end."""
    return sequence_TBX.flip(-3) if direction else sequence_TBX


def side_by_side(read: Sequence[Tensor]) -> Tensor:
    """What each direction made of a sequence, in its own order (...TBH) → ...TB(D·H)."""
    if len(read) == 1:
        return read[0]
    return torch.cat([turned(one, direction) for direction, one in enumerate(read)], dim=-1)
