"""A cell over time, in layers and directions: fused (torch.nn) or from the equations.

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

from core.models.architecture import Architecture
from core.models.cells import LSTM, Cell, Weights, cell_of
from core.models.initialisation import NAMES, draw_parameters, parameter_names
from core.models.layer import State, StepCell, Trace
from core.models.recurrence import run_unrolled, unroll
from core.models.registry import cell_kind
from core.models.stepping import StepTrace, flip_each, run_padded, run_steps

Implementation = Literal["fused", "equations"]


class Recurrent(nn.Module):
    """Any architecture, at an input size.

    One generator draws one network's parameters. A sequence of S generators makes S networks
    side by side (equations only): network i depends on generator i alone. Without generators
    torch's global one is used. `cell` overrides the architecture's, for cells that it does not
    name. Raises ValueError where fused kernels have no such cell or no seed axis.
    """

    def __init__(
        self,
        architecture: Architecture,
        input_size: int,
        *,
        implementation: Implementation = "fused",
        generators: torch.Generator | Sequence[torch.Generator] | None = None,
        cell: Cell | StepCell | None = None,
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
        self.scans = implementation == "fused"
        """Whether a step cell takes all steps at once, where it can."""
        if implementation == "fused" and not isinstance(self.cell, StepCell):
            if self.seeds is not None or cell is not None:
                raise ValueError(
                    'implementation="fused" supports neither batched seeds nor a custom cell; '
                    'use "equations"'
                )
            self._fused = (self._fused_view(),)

    def _fused_view(self) -> nn.RNNBase:
        """A layer of torch.nn that shares this module's parameters.

        It is kept in a tuple: registered as a submodule it would prefix their names.
        """
        shape = self.architecture
        layers: dict[str, Callable[..., nn.RNNBase]] = {
            "rnn": partial(nn.RNN, nonlinearity=shape.nonlinearity),
            "lstm": nn.LSTM,
            "gru": nn.GRU,
        }
        layer = layers[shape.cell](
            self.input_size,
            shape.hidden_size,
            num_layers=shape.layers,
            bidirectional=shape.bidirectional,
            device="meta",
        )
        for name, parameter in self.named_parameters():
            setattr(layer, name, parameter)
        return layer

    @property
    def fused_layer(self) -> nn.RNNBase | None:
        """The layer of torch.nn that computes it, with the same parameters; None of equations."""
        return self._fused[0] if self._fused else None

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """After a move to another device, cuDNN needs the weights in one piece again."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for layer in self._fused:
            layer.flatten_parameters()
        return self

    def weights(self, layer: int, direction: int) -> Weights:
        """torch.nn's four parameters of one layer and direction, both counted from 0."""
        names = parameter_names(NAMES, layer, direction)
        return Weights(*(getattr(self, name) for name in names.values()))

    def parameters_of(self, cell: StepCell, layer: int, direction: int) -> dict[str, Tensor]:
        """A step cell's parameters of one layer and direction, by the names that it gave them."""
        declared = cell.parameters(self.input_size, self.architecture.hidden_size)
        names = parameter_names(declared, layer, direction)
        return {name: getattr(self, full) for name, full in names.items()}

    @property
    def state_sizes(self) -> list[int]:
        """How many numbers each state of a layer and direction has."""
        width, cell = self.architecture.hidden_size, self.cell
        if isinstance(cell, StepCell):
            return [*cell.states(width).values()]
        return [width] * len(cell.states)

    @property
    def kept_per_step(self) -> int:
        """About how many numbers a pass keeps for each step of a sequence, layer and direction."""
        width = self.architecture.hidden_size
        if isinstance(self.cell, StepCell):
            return cell_kind(self.architecture.cell).kept_per_step(width)
        return self.cell.blocks * width

    def forward(self, x_TBI: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Output ...TB(D·H) of the top layer, and the last states, each ...(L·D)BH.

        `state` is such a tuple, (h,) or (h, c), from which to start; left out: zeros.
        """
        if self._fused:
            (fused,) = self._fused
            single = len(self.state_sizes) == 1
            output, end = fused(x_TBI, state[0] if state is not None and single else state)
            return output, (end,) if single else cast(State, end)
        return self.from_equations(x_TBI, state, scan=self.scans)

    def from_equations(
        self, x_TBI: Tensor, state: State | None = None, *, scan: bool = False
    ) -> tuple[Tensor, State]:
        """Like `forward`, step by step, or with `scan` all steps at once where the cell can."""
        shape, cell = self.architecture, self.cell
        can = isinstance(cell, StepCell) and cell.scans_from_nothing
        empty = can and scan and state is None
        state = self._zeros(x_TBI, shape.layers * shape.directions) if state is None else state
        last: list[State] = []
        output = x_TBI
        for layer in range(shape.layers):
            outputs: list[Tensor] = []
            for direction in range(shape.directions):
                first = () if empty else tuple(s.select(-3, len(last)) for s in state)
                x = flip_time(output, direction)
                y, end = self._run(x, layer, direction, first, scan=scan)
                outputs.append(y)
                last.append(end)
            output = join_directions(outputs)
        return output, tuple(torch.stack(parts, dim=-3) for parts in zip(*last, strict=True))

    def _zeros(self, x_TBI: Tensor, *axes: int) -> State:
        """States of zeros, each ...(axes)BN."""
        *lead, _, batch, _ = x_TBI.shape
        return tuple(x_TBI.new_zeros(*lead, *axes, batch, size) for size in self.state_sizes)

    def _run(
        self, x_TBI: Tensor, layer: int, direction: int, first: State, *, scan: bool
    ) -> tuple[Tensor, State]:
        """One layer and direction over x in its reading order, differentiable."""
        if isinstance(self.cell, StepCell):
            weights = self.parameters_of(self.cell, layer, direction)
            several = self.seeds is not None
            return run_steps(self.cell, x_TBI, weights, first, seeds=several, scan=scan)
        return run_unrolled(self.cell, x_TBI, self.weights(layer, direction), first)

    def forward_packed(self, packed: PackedSequence) -> tuple[PackedSequence, State]:
        """Like `forward`, for sequences that end at different steps, from zeros.

        Raises ValueError from the equations: they step whole batches.
        """
        if not self._fused:
            raise ValueError('the equations take no packed sequences; use implementation="fused"')
        (fused,) = self._fused
        output, last = fused(packed)
        return output, last if isinstance(last, tuple) else (last,)

    def forward_padded(self, x_TBI: Tensor, lengths_B: Tensor) -> tuple[Tensor, State]:
        """Like `forward`, each sequence of a padded batch to its own end (fused, or a step cell).

        Padding is never read: outputs are zero there, the last states are those at each sequence's
        end, and a backward direction starts there. A batch of one length is not packed, which
        costs several times more on a CPU.
        """
        steps = x_TBI.shape[0]
        if bool((lengths_B == steps).all()):
            return self(x_TBI)  # type: ignore[no-any-return]
        if isinstance(self.cell, StepCell):
            return self._step_padded(self.cell, x_TBI, lengths_B)
        packed = pack_padded_sequence(x_TBI, lengths_B, enforce_sorted=False)
        output, last = self.forward_packed(packed)
        return pad_packed_sequence(output, total_length=steps)[0], last

    def _step_padded(
        self, cell: StepCell, x_TBI: Tensor, lengths_B: Tensor
    ) -> tuple[Tensor, State]:
        last: list[State] = []
        output = x_TBI
        for layer in range(self.architecture.layers):
            outputs: list[Tensor] = []
            for direction in range(self.architecture.directions):
                x = flip_each(output, lengths_B) if direction else output
                weights = self.parameters_of(cell, layer, direction)
                y, end = run_padded(cell, x, weights, self._zeros(x), lengths_B)
                outputs.append(flip_each(y, lengths_B) if direction else y)
                last.append(end)
            output = torch.cat(outputs, dim=-1)
        return output, tuple(torch.stack(parts) for parts in zip(*last, strict=True))

    @torch.no_grad()
    def traces(
        self, x_TBI: Tensor, seeds: slice = slice(None), *, back: bool = True
    ) -> list[list[Trace]]:
        """[layer][direction] → the trace of a forward pass from zeros, for adjoints to run on.

        Without `back` only single steps can be asked for their Jacobians: a step cell then keeps
        its states alone.

        `seeds` takes some of the S networks; x has as many. A backward direction's trace runs in
        its own reading order: its step 1 reads x_T.
        """
        selected = slice(None) if self.seeds is None else seeds
        layers: list[list[Trace]] = []
        output = x_TBI
        for layer in range(self.architecture.layers):
            passes = [
                self._trace(flip_time(output, direction), layer, direction, selected, back)
                for direction in range(self.architecture.directions)
            ]
            layers.append(passes)
            output = join_directions([p.output_TBH for p in passes])
        return layers

    def _trace(self, x_TBI: Tensor, layer: int, direction: int, seeds: slice, back: bool) -> Trace:
        """One layer and direction over x in its reading order, from zeros."""
        cell = self.cell
        if isinstance(cell, StepCell):
            weights = self.parameters_of(cell, layer, direction)
            chosen = {name: weight.detach()[seeds] for name, weight in weights.items()}
            several = self.seeds is not None
            first = self._zeros(x_TBI)
            return StepTrace.of(cell, chosen, x_TBI, first, seeds=several, back=back)
        parameters = (p.detach()[seeds] for p in self.weights(layer, direction))
        return unroll(cell, cell.pack(Weights(*parameters)), x_TBI)


def flip_time(sequence_TBX: Tensor, direction: int) -> Tensor:
    """Put a sequence into the reading order of a direction, or back: direction 1 flips it."""
    return sequence_TBX.flip(-3) if direction else sequence_TBX


def join_directions(outputs: Sequence[Tensor]) -> Tensor:
    """Outputs of each direction in its own reading order (...TBH) → ...TB(D·H) in time order."""
    if len(outputs) == 1:
        return outputs[0]
    return torch.cat([flip_time(y, direction) for direction, y in enumerate(outputs)], dim=-1)


def forward_batched(recurrent: Recurrent, x_STBI: Tensor) -> Tensor:
    """Output of the top layer of every seed's network, STB(D·H), from zeros, the fastest way.

    From the equations all seeds go through each step together, or a cell that can takes all steps
    at once. On a CPU, oneDNN runs a whole LSTM in one call, one network at a time, and is about
    twice as fast; for the other cells torch has no such kernel.
    """
    if has_kernel(recurrent, x_STBI):
        return forward_by_kernel(recurrent, x_STBI)
    return recurrent.from_equations(x_STBI, scan=True)[0]


def has_kernel(recurrent: Recurrent, x_STBI: Tensor) -> bool:
    """Whether oneDNN runs each of these networks in one call."""
    available: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    plain = x_STBI.device.type == "cpu" and x_STBI.dtype == torch.float32
    return available and plain and isinstance(recurrent.cell, LSTM)


def forward_by_kernel(recurrent: Recurrent, x_STBI: Tensor) -> Tensor:
    """Output of LSTMs, network by network."""
    shape = recurrent.architecture
    # Parameters are registered in the order in which torch's kernel takes them.
    first_LBH = x_STBI.new_zeros(
        shape.layers * shape.directions, x_STBI.shape[2], shape.hidden_size
    )
    networks = zip(*(parameter.unbind() for parameter in recurrent.parameters()), strict=True)
    return torch.stack(
        [
            torch.lstm(
                x_TBI,
                (first_LBH, first_LBH),
                list(weights),
                has_biases=True,
                num_layers=shape.layers,
                dropout=0.0,
                train=True,
                bidirectional=shape.bidirectional,
                batch_first=False,
            )[0]
            for x_TBI, weights in zip(x_STBI, networks, strict=True)
        ]
    )
