"""Sequence to sequence: an encoder reads, a decoder writes, with or without attention.

Without attention the decoder receives the encoder's last state and nothing else, whatever the
length (Sutskever et al. 2014, Cho et al. 2014); with attention it reads every state.

Shapes: B batch, S source steps, T target steps, E embedding, C = D·H encoder output, H decoder
state and context, A what attention scores are computed from, V target vocabulary, L layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from core.formatting import listed
from core.models.architecture import Architecture, variant_title
from core.models.counting import AttentionName
from core.models.layer import State
from core.models.recurrent import Recurrent
from core.models.registry import cell_kind, cell_kinds
from core.settings import BadSetting
from core.tasks.corpora import PADDING


class Memory(NamedTuple):
    """What an encoder leaves for the decoder to read."""

    states_BSH: Tensor
    """One state per source position."""
    summary_BH: Tensor
    """The last state, which is all that a decoder without attention reads."""
    real_BS: Tensor
    """True where there is a token, False where there is padding."""


class Keys(NamedTuple):
    """A memory, and what scores are computed from; made once per sentence."""

    keys_BSA: Tensor
    memory: Memory


class NoAttention(nn.Module):
    """The context of every step is the encoder's last state (Cho et al. 2014): one vector."""

    def keys(self, memory: Memory) -> Keys:
        return Keys(memory.states_BSH, memory)

    def forward(self, h_BTH: Tensor, keys: Keys) -> tuple[Tensor, Tensor | None]:
        """Contexts, BTH, and no weights."""
        return keys.memory.summary_BH[:, None].expand_as(h_BTH), None


class DotAttention(nn.Module):
    """score(h, s) = h · s  (Luong, Pham & Manning 2015, `dot`).

    weights_ts = softmax_s score(h_t, s_s);  context_t = Σ_s weights_ts · s_s

    The other attentions differ in their score alone.
    """

    def keys(self, memory: Memory) -> Keys:
        """Prepare what the scores of these states are computed from."""
        return Keys(memory.states_BSH, memory)

    def scores(self, h_BTH: Tensor, keys_BSA: Tensor) -> Tensor:
        """The score of every source position at every target step, BTS."""
        return h_BTH @ keys_BSA.mT

    def forward(self, h_BTH: Tensor, keys: Keys) -> tuple[Tensor, Tensor | None]:
        """Contexts, BTH, and weights, BTS: zero at padding, else they sum to one."""
        scores_BTS = self.scores(h_BTH, keys.keys_BSA)
        scores_BTS = scores_BTS.masked_fill(~keys.memory.real_BS[:, None], -torch.inf)
        weights_BTS = scores_BTS.softmax(-1)
        return weights_BTS @ keys.memory.states_BSH, weights_BTS


class GeneralAttention(DotAttention):
    """score(h, s) = h · W s  (Luong, Pham & Manning 2015, `general`)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.key = nn.Linear(size, size, bias=False)

    def keys(self, memory: Memory) -> Keys:
        """W s of every position."""
        return Keys(self.key(memory.states_BSH), memory)


class AdditiveAttention(DotAttention):
    """score(h, s) = v · tanh(W h + U s)  (Bahdanau, Cho & Bengio 2015).

    Here h is the state of the step itself, where Bahdanau takes the one before: then all steps of
    a known target are one product, and nothing else changes.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.query = nn.Linear(size, size)
        self.key = nn.Linear(size, size, bias=False)
        self.score = nn.Linear(size, 1, bias=False)

    def keys(self, memory: Memory) -> Keys:
        """U s of every position."""
        return Keys(self.key(memory.states_BSH), memory)

    def scores(self, h_BTH: Tensor, keys_BSA: Tensor) -> Tensor:
        """BTS, one target step at a time: the sums of all steps would fill the memory."""
        query_BTA = self.query(h_BTH)
        sums = (query_BTA[:, t, None] + keys_BSA for t in range(query_BTA.shape[1]))
        return torch.stack([self.score(s.tanh()).squeeze(-1) for s in sums], dim=1)


def attention_named(name: AttentionName, size: int) -> NoAttention | DotAttention:
    """An attention over states of that size."""
    if name == "none":
        return NoAttention()
    if name == "dot":
        return DotAttention()
    return GeneralAttention(size) if name == "general" else AdditiveAttention(size)


class Padded(NamedTuple):
    """Sentences of one batch, filled up with PADDING."""

    tokens_SB: Tensor
    lengths_B: Tensor
    """On the CPU, as packing requires."""


@dataclass(frozen=True)
class Seq2SeqShape:
    """The sizes and parts of a model. Raises `BadSetting` for a decoder that cannot generate."""

    encoder: Architecture
    decoder: Architecture
    attention: AttentionName
    source_vocabulary: int
    target_vocabulary: int
    embedding_size: int
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.decoder.bidirectional:
            raise BadSetting(
                f"decoder is {variant_title(self.decoder.variant)}; choose "
                f"{listed(list(cell_kinds()), 'or')}: the backward half of a "
                "bidirectional decoder needs tokens that have not been generated yet"
            )
        if self.decoder.layers != self.encoder.layers:
            raise BadSetting(
                f"decoder has {self.decoder.layers} layers; give as many as the encoder, "
                f"{self.encoder.layers}: each starts from the state of the layer beside it"
            )


class Encoded(NamedTuple):
    """What the decoder receives: the memory with its keys, and its first state, each LBH."""

    keys: Keys
    state: State


class Step(NamedTuple):
    """What the decoder makes of some target steps."""

    features_BTH: Tensor
    """The input of the output layer."""
    state: State
    weights_BTS: Tensor | None
    """The attention weights; None without attention."""


class Seq2Seq(nn.Module):
    """An encoder of any variant, a unidirectional decoder, an attention between them.

    With h_t the decoder's state (Luong et al. 2015, without input feeding):

    a_t = tanh(W [context_t ; h_t]);  p(y_t) = softmax(O a_t)

    Without attention context_t is the same vector at every step, so that at one width `none` and
    `dot` have equally many parameters; `general` and `additive` add the weights of their scores.
    """

    def __init__(self, shape: Seq2SeqShape, seed: int = 0) -> None:
        super().__init__()
        self.shape = shape
        size, generator = shape.decoder.hidden_size, torch.Generator().manual_seed(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.read = nn.Embedding(
                shape.source_vocabulary, shape.embedding_size, padding_idx=PADDING
            )
            self.write = nn.Embedding(
                shape.target_vocabulary, shape.embedding_size, padding_idx=PADDING
            )
            self.attention = attention_named(shape.attention, size)
            self.combine = nn.Linear(2 * size, size)
            self.output = nn.Linear(size, shape.target_vocabulary)
            self.bridge = Bridge(shape.encoder, shape.decoder)
        self.encoder = Recurrent(shape.encoder, shape.embedding_size, generators=generator)
        self.decoder = Recurrent(shape.decoder, shape.embedding_size, generators=generator)
        self.dropout = nn.Dropout(shape.dropout)

    def encode(self, source: Padded) -> Encoded:
        """Read a batch; padding is never read, whatever the encoder's directions."""
        x_SBE = self.dropout(self.read(source.tokens_SB))
        output_SBC, last = self.encoder.forward_padded(x_SBE, source.lengths_B)
        real_BS = (source.tokens_SB != PADDING).T
        memory = self.bridge.memory(output_SBC, real_BS)
        state = self.bridge.state(last)
        return Encoded(self.attention.keys(memory), state)

    def decode(self, tokens_TB: Tensor, encoded: Encoded) -> Step:
        """Features of known target steps (BEGIN first), in one call over all of them."""
        x_TBE = self.dropout(self.write(tokens_TB))
        h_TBH, state = self.decoder(x_TBE, encoded.state)
        h_BTH = h_TBH.transpose(0, 1)
        context_BTH, weights_BTS = self.attention(h_BTH, encoded.keys)
        features_BTH = self.combine(torch.cat([context_BTH, h_BTH], dim=-1)).tanh()
        return Step(self.dropout(features_BTH), state, weights_BTS)

    def forward(self, source: Padded, tokens_TB: Tensor) -> Tensor:
        """Scores of the next token after each target step, BTV."""
        features_BTH = self.decode(tokens_TB, self.encode(source)).features_BTH
        return cast(Tensor, self.output(features_BTH))

    def received(self, encoded: Encoded) -> dict[str, tuple[int, ...]]:
        """Shapes, batch first: the encoder's states, and what of them the decoder gets to read."""
        memory = encoded.keys.memory
        reads = memory.summary_BH[:, None] if self.shape.attention == "none" else memory.states_BSH
        return {
            "encoder states": tuple(memory.states_BSH.shape),
            "decoder reads": tuple(reads.shape),
            "decoder starts from": tuple(torch.cat(encoded.state, dim=-1).shape),
        }


class Bridge(nn.Module):
    """From the encoder's last states and outputs to the sizes that the decoder works with.

    With equal cells, widths and one direction it hands both on unchanged. Otherwise each layer's
    states (both directions, h and c) become the decoder's through one linear map: h through a
    tanh, which keeps it in the range of a state, c as it is.
    """

    def __init__(self, encoder: Architecture, decoder: Architecture) -> None:
        super().__init__()
        read, width = encoder.directions * encoder.hidden_size, decoder.hidden_size
        alike = read == width and encoder.cell == decoder.cell and not encoder.bidirectional
        reads = cell_kind(encoder.cell).state_sizes(encoder.hidden_size)
        self.directions = encoder.directions
        self.states = [*cell_kind(decoder.cell).state_sizes(width).values()]
        sizes = encoder.directions * sum(reads.values()), sum(self.states)
        self.maps = nn.ModuleList(nn.Linear(*sizes) for _ in range(0 if alike else encoder.layers))
        self.project = nn.Identity() if read == width else nn.Linear(read, width)

    def memory(self, output_SBC: Tensor, real_BS: Tensor) -> Memory:
        """Every output of the top layer and its last, of each direction, at the decoder's size.

        The same map serves both, so that what is read without attention is one of the vectors that
        are read with it (of one direction: the last).
        """
        ends_B = real_BS.sum(1) - 1
        forward, *backward = output_SBC.chunk(self.directions, dim=-1)
        at_end_BH = forward[ends_B, torch.arange(len(ends_B), device=ends_B.device)]
        summary_BC = torch.cat([at_end_BH, *(part[0] for part in backward)], dim=-1)
        return Memory(self.project(output_SBC.transpose(0, 1)), self.project(summary_BC), real_BS)

    def state(self, last: State) -> State:
        """The decoder's first state, each LBN."""
        if not self.maps:
            return last
        joined_LBX = torch.cat([_by_layer(part, self.directions) for part in last], dim=-1)
        mapped = torch.stack([m(x) for m, x in zip(self.maps, joined_LBX, strict=True)])
        h_LBH, *others = torch.split(mapped, self.states, dim=-1)
        return h_LBH.tanh(), *others


def _by_layer(states_XBN: Tensor, directions: int) -> Tensor:
    """(L·D)BN → LB(D·N): both directions of a layer side by side."""
    _, batch, size = states_XBN.shape
    return states_XBN.view(-1, directions, batch, size).transpose(1, 2).flatten(-2)
