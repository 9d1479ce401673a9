"""From a trained model to sentences: greedy search or beam search, batched over sentences.

A hypothesis is scored by its log probability per token, END included: Σ log p / n^power with
power 1 (Wu et al. 2016 discuss others).

Shapes: B batch, K beam, X = B·K, V target vocabulary, S source steps, T target steps, N the 2K best
continuations of a sentence, Y = K·V all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from core.models.seq2seq import Encoded, Keys, Memory, Padded, Seq2Seq
from core.tasks.corpora import BEGIN, END, PADDING


def max_output_tokens(source_tokens: int) -> int:
    """The length at which an output is cut off, for a model that never writes END."""
    return 2 * source_tokens + 10


@dataclass(frozen=True)
class Hypothesis:
    """One output sentence."""

    tokens: tuple[int, ...]
    """Without BEGIN and END."""
    log_probability: float
    """The natural logarithm, summed over all its tokens and END."""
    score: float
    """Log probability per token, by which hypotheses are ranked."""
    finished: bool
    """Whether END came before the length limit."""


@torch.inference_mode()
def greedy(model: Seq2Seq, source: Padded, max_tokens: int, power: float = 1.0) -> list[Hypothesis]:
    """The likeliest token at each step, for every sentence of a batch, up to `max_tokens`."""
    encoded = model.encode(source)
    batch = source.tokens_SB.shape[1]
    state, token_B = encoded.state, source.tokens_SB.new_full((batch,), BEGIN)
    total_B = torch.zeros(batch, device=token_B.device)
    ended_B = torch.zeros(batch, dtype=torch.bool, device=token_B.device)
    written: list[Tensor] = []
    for _ in range(max_tokens):
        log_p_BV, state = _next_step(model, token_B, Encoded(encoded.keys, state))
        best_B, token_B = log_p_BV.max(-1)
        total_B += best_B.masked_fill(ended_B, 0.0)
        token_B = token_B.masked_fill(ended_B, PADDING)
        written.append(token_B)
        ended_B |= token_B == END
        if bool(ended_B.all()):
            break
    rows = torch.stack(written, dim=1).tolist()
    return [
        _hypothesis(row, total, power) for row, total in zip(rows, total_B.tolist(), strict=True)
    ]


def _next_step(
    model: Seq2Seq, token_B: Tensor, encoded: Encoded
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Log probabilities of the token after this one, BV, and the state then."""
    step = model.decode(token_B[None], encoded)
    return model.output(step.features_BTH[:, 0]).log_softmax(-1), step.state


def _hypothesis(row: list[int], log_probability: float, power: float) -> Hypothesis:
    """A row of tokens up to END, if it has one, scored over its length."""
    finished = END in row
    length = row.index(END) + 1 if finished else len(row)
    tokens = tuple(row[: length - finished])
    return Hypothesis(tokens, log_probability, log_probability / length**power, finished)


@torch.inference_mode()
def beam(
    model: Seq2Seq, source: Padded, width: int, max_tokens: int, power: float = 1.0
) -> list[list[Hypothesis]]:
    """Up to `width` different hypotheses per sentence, the best first.

    A sentence is done once `width` candidates have ended while they were among its best, so width
    1 is greedy search. The result of greedy search competes too: a wider beam may lose it on the
    way, but never returns a lower score.
    """
    of_greedy = greedy(model, source, max_tokens, power)
    if width == 1:
        return [[one] for one in of_greedy]
    search = _BeamSearch(model, source, width, power)
    for _ in range(max_tokens):
        search.advance()
        if bool(search.done_B.all()):
            break
    results: list[list[Hypothesis]] = []
    for candidates, one_of_greedy in zip(search.hypotheses(), of_greedy, strict=True):
        best: dict[tuple[int, ...], Hypothesis] = {}
        for one in sorted([*candidates, one_of_greedy], key=lambda h: h.score, reverse=True):
            best.setdefault(one.tokens, one)
        results.append(list(best.values())[:width])
    return results


class _BeamSearch:
    """The state of a beam search: K live candidates per sentence, and those that have ended."""

    def __init__(self, model: Seq2Seq, source: Padded, width: int, power: float) -> None:
        self.model, self.width, self.power = model, width, power
        encoded = model.encode(source)
        self.batch = source.tokens_SB.shape[1]
        memory = Memory(*(part.repeat_interleave(width, dim=0) for part in encoded.keys.memory))
        self.keys = Keys(encoded.keys.keys_BSA.repeat_interleave(width, dim=0), memory)
        self.state = tuple(part.repeat_interleave(width, dim=1) for part in encoded.state)
        device = source.tokens_SB.device
        self.live_BK = torch.full((self.batch, width), -torch.inf, device=device)
        self.live_BK[:, 0] = 0.0
        self.tokens_BKT = torch.full((self.batch, width, 1), BEGIN, device=device)
        self.done_B = torch.zeros(self.batch, dtype=torch.bool, device=device)
        self.ended: list[list[Hypothesis]] = [[] for _ in range(self.batch)]

    def advance(self) -> None:
        """Write one more token.

        Of the 2K best continuations, those that end go to `ended`, and K others live on.
        """
        last_X = self.tokens_BKT[:, :, -1].flatten()
        log_p_XV, state = _next_step(self.model, last_X, Encoded(self.keys, self.state))
        size = log_p_XV.shape[-1]
        total_BY = (self.live_BK.flatten()[:, None] + log_p_XV).view(self.batch, -1)
        scores_BN, flat_BN = total_BY.topk(min(2 * self.width, total_BY.shape[-1]), dim=-1)
        parent_BN, token_BN = flat_BN // size, flat_BN % size
        ends_BN = token_BN == END

        among_best_BN = ends_BN & ~self.done_B[:, None] & scores_BN.isfinite()
        among_best_BN[:, self.width :] = False
        for sentence, rank in among_best_BN.nonzero().tolist():
            row = self.tokens_BKT[sentence, parent_BN[sentence, rank], 1:].tolist()
            score = float(scores_BN[sentence, rank])
            self.ended[sentence].append(_hypothesis([*row, END], score, self.power))
        counts = torch.tensor([len(ended) for ended in self.ended], device=self.done_B.device)
        self.done_B = counts >= self.width

        live_BN = scores_BN.masked_fill(ends_BN | self.done_B[:, None], -torch.inf)
        self.live_BK, chosen_BK = live_BN.topk(self.width, dim=-1)
        parent_BK, token_BK = parent_BN.gather(1, chosen_BK), token_BN.gather(1, chosen_BK)
        rows_BK = torch.arange(self.batch, device=parent_BK.device)[:, None]
        before_BKT = self.tokens_BKT[rows_BK, parent_BK]
        self.tokens_BKT = torch.cat([before_BKT, token_BK[:, :, None]], dim=-1)
        rows_X = (rows_BK * self.width + parent_BK).flatten()
        self.state = tuple(part[:, rows_X] for part in state)

    def hypotheses(self) -> list[list[Hypothesis]]:
        """The candidates by sentence: those that ended, and where the limit came first the live."""
        for sentence in (~self.done_B).nonzero().flatten().tolist():
            rows = self.tokens_BKT[sentence, :, 1:].tolist()
            for row, score in zip(rows, self.live_BK[sentence].tolist(), strict=True):
                if score > -torch.inf:
                    self.ended[sentence].append(_hypothesis(row, score, self.power))
        return self.ended


@torch.inference_mode()
def attention_map(model: Seq2Seq, source: Padded, tokens: tuple[int, ...]) -> Tensor | None:
    """One sentence's attention weights, TS: a row for each token and one for the token after them.

    None for a model without attention.
    """
    written_TB = source.tokens_SB.new_tensor([BEGIN, *tokens])[:, None]
    weights_BTS = model.decode(written_TB, model.encode(source)).weights_BTS
    return None if weights_BTS is None else weights_BTS[0]
