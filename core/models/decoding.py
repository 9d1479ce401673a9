"""From a trained model to sentences: the likeliest token at each step, or a beam of candidates.

A hypothesis is scored by its log probability per token, END included: Σ log p / n^power with
power 1 (Wu et al. 2016 discuss others). Everything is batched over sentences.

Shapes: B batch, K beam, V target vocabulary, S source steps, T target steps, H decoder state.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from core.models.attention import Keys, Memory
from core.models.seq2seq import Encoded, Padded, Seq2Seq
from core.tasks.pairs import BEGIN, END, PADDING


def most_tokens(source_tokens: int) -> int:
    """After so many an output is cut off: a model that never ends must be stopped somewhere."""
    return 2 * source_tokens + 10


@dataclass(frozen=True)
class Hypothesis:
    """One output sentence."""

    tokens: tuple[int, ...]
    """Without BEGIN and END."""
    log_probability: float
    """Natural, of all its tokens and END."""
    score: float
    """Per token: what hypotheses are ranked by."""
    finished: bool
    """Whether END came before the length limit."""


@torch.inference_mode()
def greedy(model: Seq2Seq, source: Padded, longest: int, power: float = 1.0) -> list[Hypothesis]:
    """The likeliest token at each step, for every sentence of a batch, up to `longest` tokens."""
    encoded = model.encode(source)
    batch = source.tokens_SB.shape[1]
    state, token_B = encoded.state, source.tokens_SB.new_full((batch,), BEGIN)
    total_B = torch.zeros(batch, device=token_B.device)
    ended_B = torch.zeros(batch, dtype=torch.bool, device=token_B.device)
    written: list[Tensor] = []
    for _ in range(longest):
        log_p_BV, state = next_step(model, token_B, Encoded(encoded.keys, state))
        best_B, token_B = log_p_BV.max(-1)
        total_B += best_B.masked_fill(ended_B, 0.0)
        token_B = token_B.masked_fill(ended_B, PADDING)
        written.append(token_B)
        ended_B |= token_B == END
        if bool(ended_B.all()):
            break
    rows = torch.stack(written, dim=1).tolist()
    return [
        hypothesis(row, total, power) for row, total in zip(rows, total_B.tolist(), strict=True)
    ]


def next_step(
    model: Seq2Seq, token_B: Tensor, encoded: Encoded
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Log probabilities of the token after one more, BV, and the state then."""
    step = model.decode(token_B[None], encoded)
    return model.output(step.features_BTH[:, 0]).log_softmax(-1), step.state


def hypothesis(row: list[int], log_probability: float, power: float) -> Hypothesis:
    """A row of tokens up to END, if it has one, scored over its length."""
    finished = END in row
    length = row.index(END) + 1 if finished else len(row)
    tokens = tuple(row[: length - finished])
    return Hypothesis(tokens, log_probability, log_probability / length**power, finished)


@torch.inference_mode()
def beam(
    model: Seq2Seq, source: Padded, width: int, longest: int, power: float = 1.0
) -> list[list[Hypothesis]]:
    """Up to `width` hypotheses per sentence, the best first.

    A sentence is done once `width` candidates have ended while they were among its best, so width
    1 is greedy search. What greedy search finds competes too: a wider beam may lose it on the way,
    but never returns a lower score.
    """
    plain = greedy(model, source, longest, power)
    if width == 1:
        return [[one] for one in plain]
    search = Search(model, source, width, power)
    for _ in range(longest):
        search.advance()
        if bool(search.done_B.all()):
            break
    return [ranked([*found, one], width) for found, one in zip(search.found(), plain, strict=True)]


def ranked(found: list[Hypothesis], width: int) -> list[Hypothesis]:
    """The best ones, each sentence once."""
    best: dict[tuple[int, ...], Hypothesis] = {}
    for one in sorted(found, key=lambda h: h.score, reverse=True):
        best.setdefault(one.tokens, one)
    return list(best.values())[:width]


class Search:
    """The state of a beam search: K live candidates per sentence, and those that have ended."""

    def __init__(self, model: Seq2Seq, source: Padded, width: int, power: float) -> None:
        self.model, self.width, self.power = model, width, power
        encoded = model.encode(source)
        self.batch = source.tokens_SB.shape[1]
        self.keys = widened(encoded.keys, width)
        self.state = tuple(part.repeat_interleave(width, dim=1) for part in encoded.state)
        device = source.tokens_SB.device
        self.live_BK = torch.full((self.batch, width), -torch.inf, device=device)
        self.live_BK[:, 0] = 0.0
        self.tokens_BKT = torch.full((self.batch, width, 1), BEGIN, device=device)
        self.done_B = torch.zeros(self.batch, dtype=torch.bool, device=device)
        self.ended: list[list[Hypothesis]] = [[] for _ in range(self.batch)]

    def advance(self) -> None:
        """One more token: of the 2K best those that end are kept, K others live on."""
        last_X = self.tokens_BKT[:, :, -1].flatten()
        log_p_XV, state = next_step(self.model, last_X, Encoded(self.keys, self.state))
        size = log_p_XV.shape[-1]
        total_BY = (self.live_BK.flatten()[:, None] + log_p_XV).view(self.batch, -1)
        scores_BN, flat_BN = total_BY.topk(min(2 * self.width, total_BY.shape[-1]), dim=-1)
        parent_BN, token_BN = flat_BN // size, flat_BN % size
        ends_BN = token_BN == END
        self._keep_ended(scores_BN, parent_BN, ends_BN)
        live_BN = scores_BN.masked_fill(ends_BN | self.done_B[:, None], -torch.inf)
        self.live_BK, chosen_BK = live_BN.topk(self.width, dim=-1)
        parent_BK, token_BK = parent_BN.gather(1, chosen_BK), token_BN.gather(1, chosen_BK)
        rows_BK = torch.arange(self.batch, device=parent_BK.device)[:, None]
        before_BKT = self.tokens_BKT[rows_BK, parent_BK]
        self.tokens_BKT = torch.cat([before_BKT, token_BK[:, :, None]], dim=-1)
        rows_X = (rows_BK * self.width + parent_BK).flatten()
        self.state = tuple(part[:, rows_X] for part in state)

    def _keep_ended(self, scores_BN: Tensor, parent_BN: Tensor, ends_BN: Tensor) -> None:
        among_best_BN = ends_BN & ~self.done_B[:, None] & scores_BN.isfinite()
        among_best_BN[:, self.width :] = False
        for sentence, rank in among_best_BN.nonzero().tolist():
            row = self.tokens_BKT[sentence, parent_BN[sentence, rank], 1:].tolist()
            score = float(scores_BN[sentence, rank])
            self.ended[sentence].append(hypothesis([*row, END], score, self.power))
        counts = torch.tensor([len(found) for found in self.ended], device=self.done_B.device)
        self.done_B = counts >= self.width

    def found(self) -> list[list[Hypothesis]]:
        """By sentence: what has ended, and where the limit came first what still lives."""
        for sentence in (~self.done_B).nonzero().flatten().tolist():
            for row, score in zip(
                self.tokens_BKT[sentence, :, 1:].tolist(),
                self.live_BK[sentence].tolist(),
                strict=True,
            ):
                if score > -torch.inf:
                    self.ended[sentence].append(hypothesis(row, score, self.power))
        return self.ended


def widened(keys: Keys, width: int) -> Keys:
    """Each sentence's keys `width` times."""
    memory = Memory(*(part.repeat_interleave(width, dim=0) for part in keys.memory))
    return Keys(keys.keys_BSA.repeat_interleave(width, dim=0), memory)


@torch.inference_mode()
def attention_map(model: Seq2Seq, source: Padded, tokens: tuple[int, ...]) -> Tensor | None:
    """Where one sentence's decoder looks for each token and the one after, TS: END if it has one.

    None without attention.
    """
    written_TB = source.tokens_SB.new_tensor([BEGIN, *tokens])[:, None]
    weights_BTS = model.decode(written_TB, model.encode(source)).weights_BTS
    return None if weights_BTS is None else weights_BTS[0]
