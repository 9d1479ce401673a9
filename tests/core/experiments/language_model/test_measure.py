"""`language-model`: the evaluation against enumeration and slow references, and its rows."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from statistics import fmean
from typing import Any, ClassVar

import numpy
import pytest
import torch
from torch import Tensor, nn

from core.experiment import Checkpoint, Progress, Row
from core.experiments.language_model import LANGUAGE_MODEL
from core.experiments.language_model.declaration import (
    BLOCKS,
    ContextRow,
    LanguageModelConfig,
    LanguageModelSummary,
    PositionRow,
    SeedRow,
    TrainingRow,
    rate_work,
    read_text,
    work,
)
from core.experiments.language_model.measure import (
    TextTraining,
    context_bits,
    context_that_helps,
    counted,
    network_bits,
    pack,
    position_bits,
    summarise,
    unpack,
)
from core.models.ngrams import counted_bits
from core.settings import BadSetting
from core.stats.estimates import MISSING, Estimate, mean_estimate
from core.stats.learning_rates import Attempt
from core.tasks.running_text import RunningText
from core.training import TokenClassifier
from tests.core.made import every_variant

TINY: dict[str, Any] = {
    "hidden_size": 8,
    "embedding_size": 4,
    "seeds": 3,
    "training_steps": 6,
    "window": 7,
    "longest_context": 5,
    "batch_size": 4,
    "validations": 3,
    "tested_windows": 40,
}

CPU = torch.device("cpu")

DIVERGES: dict[str, Any] = {
    "cell": "rnn", "nonlinearity": "relu", "recurrent_gain": 60, "learning_rate": 1.0, "clip": None,
    "longest_context": 64, "window": 128,
}  # fmt: skip


def config(**settings: Any) -> LanguageModelConfig:
    return LanguageModelConfig.from_flat({"cell": "gru", **TINY, **settings})


def run(checkpoint: bytes | None = None, **settings: Any) -> list[Any]:
    return [*LANGUAGE_MODEL.measure(config(**settings), checkpoint)]


def rows_of(events: list[Any]) -> list[Row]:
    return [event for event in events if isinstance(event, Row)]


def of(events: list[Any], kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


# --- A Markov chain of order two, whose entropies are known by enumeration.


class Chain:
    """Two characters; the next depends on the last two."""

    ONE: ClassVar = {(0, 0): 0.9, (0, 1): 0.2, (1, 0): 0.6, (1, 1): 0.3}
    """The last two → the probability of a 1."""

    def __init__(self) -> None:
        step = numpy.zeros((4, 4))
        for (a, b), one in self.ONE.items():
            step[2 * a + b, 2 * b + 1], step[2 * a + b, 2 * b] = one, 1 - one
        values, vectors = numpy.linalg.eig(step.T)
        stationary = numpy.real(vectors[:, numpy.argmin(abs(values - 1))])
        self.pairs = stationary / stationary.sum()

    def probability(self, text: tuple[int, ...]) -> float:
        """That the chain, once it runs, has these characters in a row."""
        if len(text) < 2:
            return sum(self.probability((*text, more)) for more in (0, 1))
        p = float(self.pairs[2 * text[0] + text[1]])
        for a, b, c in zip(text, text[1:], text[2:], strict=False):
            p *= self.ONE[a, b] if c else 1 - self.ONE[a, b]
        return p

    def entropy(self, context: int) -> float:
        """Bits of a character after so many."""
        texts = itertools.product((0, 1), repeat=context + 1)
        weighted = ((self.probability(t), self.probability(t[:-1])) for t in texts)
        return -sum(p * math.log2(p / before) for p, before in weighted)

    def predict(self, tokens_TB: Tensor, answers: int) -> Tensor:
        """The chain plays the model."""
        texts = [tuple(text) for text in tokens_TB.T.tolist()]
        bits_BA = [
            [
                -math.log2(self.probability(t[: at + 1]) / self.probability(t[:at]))
                for at in range(len(t) - answers, len(t))
            ]
            for t in texts
        ]
        return torch.tensor(bits_BA, dtype=torch.float64).T[None]

    def draw(self, length: int, seed: int) -> Any:
        chance = numpy.random.default_rng(seed).random(length)
        text = [0, 1]
        for p in chance:
            text.append(int(p < self.ONE[text[-2], text[-1]]))
        return numpy.array(text[2:])


CHAIN = Chain()


def test_where_the_chain_is_the_model_its_entropies_are_met() -> None:
    length = 5
    windows = [*itertools.product((0, 1), repeat=length + 1)]
    windows_WT = torch.tensor(windows)
    contexts = [0, 1, 2, 4, 5]
    bits_KW = context_bits(CHAIN.predict, windows_WT, contexts)[0]
    weights = torch.tensor([CHAIN.probability(window) for window in windows], dtype=torch.float64)
    assert float(weights.sum()) == pytest.approx(1, abs=1e-12)
    for context, bits_W in zip(contexts, bits_KW, strict=True):
        assert float(weights @ bits_W) == pytest.approx(CHAIN.entropy(context), abs=1e-10)
    assert CHAIN.entropy(0) > CHAIN.entropy(1) > CHAIN.entropy(2) + 0.01
    assert CHAIN.entropy(2) == pytest.approx(CHAIN.entropy(5), abs=1e-12)


def test_by_position_a_long_text_of_the_chain_comes_to_the_same_entropies() -> None:
    text = torch.from_numpy(CHAIN.draw(6000, 0))
    windows_WT = text.unfold(0, 4, 1)
    bits_P = position_bits(CHAIN.predict, windows_WT, range(4), together=True)[0]
    again_P = position_bits(CHAIN.predict, windows_WT, range(4), together=False)[0]
    assert torch.allclose(bits_P, again_P, atol=1e-12)
    for position, bits in enumerate(bits_P.tolist()):
        assert bits == pytest.approx(CHAIN.entropy(position), abs=4 / math.sqrt(6000))


def test_counting_a_long_text_of_the_chain_comes_to_its_entropy_and_not_under_it() -> None:
    training, text = CHAIN.draw(20_000, 1), CHAIN.draw(5000, 2)
    windows_WT = torch.from_numpy(text).unfold(0, 3, 1)
    own = float(context_bits(CHAIN.predict, windows_WT, [2]).mean())
    bits = counted_bits(training, text, 2, 6)[:, 2:].mean(1)
    assert own - 1e-3 < bits[2] < own + 2e-3  # what counts of 20,000 are off by
    assert int(bits.argmin()) == 2


# --- The evaluation of a layer against one that is stepped character by character.


def stepped_bits(
    networks: TokenClassifier, begin: int, window: list[int], seed: int
) -> list[float]:
    """−log₂ p of each character of a window, by a GRU of torch.nn, one step at a time."""
    recurrent = networks.layers.recurrent
    hidden = recurrent.architecture.hidden_size
    cell = nn.GRUCell(recurrent.input_size, hidden)
    cell = cell.to(networks.embedding_SCE.dtype)
    weights = recurrent.weights(0, 0)
    names = zip(weights._fields, weights, strict=True)
    cell.load_state_dict({name: tensor[seed].detach() for name, tensor in names})
    state = torch.zeros(1, hidden, dtype=networks.embedding_SCE.dtype)
    bits = []
    for read, target in zip([begin, *window[:-1]], window, strict=True):
        state = cell(networks.embedding_SCE[seed, read][None], state)
        scores = state.detach() @ networks.layers.readout_SHC[seed] + networks.layers.bias_SC[seed]
        bits.append(-float(scores.log_softmax(-1)[0, target].detach()) / math.log(2))
    return bits


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-10)], ids=["32", "64"]
)
def test_a_layer_by_position_and_by_context_is_what_single_steps_come_to(
    dtype: torch.dtype, tolerance: float
) -> None:
    asked = config(longest_context=6)
    networks = TextTraining(asked, read_text(asked), 0.01, CPU).networks.to(dtype)
    windows_WT = torch.from_numpy(read_text(asked).windows("test", 7, 40))[:3]

    def predict(tokens_TB: Tensor, answers: int) -> Tensor:
        with torch.no_grad():
            return network_bits(networks, 80, tokens_TB.expand(3, *tokens_TB.shape), answers)

    bits_SP = position_bits(predict, windows_WT, range(7), together=True)
    bits_SKW = context_bits(predict, windows_WT, [0, 2, 6])
    for seed in range(3):
        slow = [stepped_bits(networks, 80, w, seed) for w in windows_WT.tolist()]
        assert bits_SP[seed].tolist() == pytest.approx(
            [fmean(p) for p in zip(*slow, strict=True)], abs=tolerance
        )
        for number, context in enumerate((0, 2, 6)):
            ends = [
                stepped_bits(networks, 80, w[-(context + 1) :], seed)[-1]
                for w in windows_WT.tolist()
            ]
            assert bits_SKW[seed, number].tolist() == pytest.approx(ends, abs=tolerance)


@pytest.mark.parametrize("variant", every_variant())
def test_nothing_of_what_is_predicted_is_read(variant: str) -> None:
    cell = variant.removeprefix("bi-")
    asked = config(cell=cell, bidirectional=cell != variant)
    training = TextTraining(asked, read_text(asked), 0.01, CPU)
    tokens_TB = training.test_WT[:4].T
    other_TB = tokens_TB.clone()
    other_TB[-1] = (other_TB[-1] + 1) % 80
    both = []
    for tokens in (tokens_TB, other_TB):
        probabilities = []
        for char in range(80):
            tokens = tokens.clone()
            tokens[-1] = char
            probabilities.append(2 ** -training.predict(tokens, 1)[:, 0])
        both.append(torch.stack(probabilities))
    assert torch.allclose(both[0].sum(0), torch.ones(3, 4), atol=1e-5)
    assert torch.equal(*both)


# --- Rows.


def test_contexts_are_doubled_up_to_the_longest() -> None:
    assert config(longest_context=64).contexts == [0, 1, 2, 4, 8, 16, 32, 64]
    assert config(longest_context=5).contexts == [0, 1, 2, 4, 5]
    assert config(longest_context=1).contexts == [0, 1]
    assert config(bidirectional=True).positions == [0, 1, 2, 4, 5]


def test_a_context_helps_up_to_the_first_that_gains_no_more_than_its_interval() -> None:
    gains = [MISSING, *(Estimate(x, x - 0.1, x + 0.1, BLOCKS) for x in (1.0, 0.3, 0.05, 0.5))]
    assert context_that_helps([0, 1, 2, 4, 8], gains) == 2
    assert context_that_helps([0, 1, 2], gains[:3]) == 2
    assert context_that_helps([0, 1], [MISSING, Estimate(0.1, 0.0, 0.2, BLOCKS)]) == 0


def test_what_a_seed_came_to_is_packed_without_loss() -> None:
    asked = config()
    contexts_KW = numpy.random.default_rng(0).random((5, 80))
    tested = unpack(asked, pack([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], contexts_KW))
    assert tested.positions_P.tolist() == [1, 2, 3, 4, 5, 6]
    assert tested.contexts_K == pytest.approx(contexts_KW.mean(1))
    falls = contexts_KW[0] - contexts_KW[1]
    by_stretch = [fmean(falls[at : at + 2]) for at in range(0, 80, 2)]
    assert tested.gains[0] == MISSING
    assert tested.gains[1].low == pytest.approx(mean_estimate(by_stretch).low)


@pytest.mark.parametrize("variant", every_variant())
def test_every_variant_yields_rows_that_agree_with_each_other(variant: str) -> None:
    cell = variant.removeprefix("bi-")
    settings = {"cell": cell, "bidirectional": cell != variant, "learning_rate": 0.01}
    events = run(**settings)
    contexts, seeds, summary = of(events, ContextRow), of(events, SeedRow), events[-1]
    positions = of(events, PositionRow)
    assert isinstance(summary, LanguageModelSummary)
    asked = config(**settings)
    assert len(positions) == 3 * len(asked.positions)
    assert len(contexts) == 3 * len(asked.contexts)
    for row in seeds:
        own = {c.context: c for c in contexts if c.seed == row.seed}
        assert (row.bits, row.one_bits, row.no_bits) == tuple(own[k].bits for k in (5, 1, 0))
        assert row.context == context_that_helps(asked.contexts, [c.gain for c in own.values()])
        last = [p for p in positions if (p.seed, p.position) == (row.seed, 5)]
        assert [p.bits for p in last] == [pytest.approx(row.bits, abs=1e-5)], "the same windows"
    assert summary.bits == mean_estimate(row.bits for row in seeds)
    assert summary.parameters == asked.parameters
    assert {row.training_step for row in of(events, TrainingRow)} == {2, 4, 6}


def test_the_parameters_are_the_tensors() -> None:
    asked = config(layers=2)
    training = TextTraining(asked, read_text(asked), 0.01, CPU)
    assert asked.parameters == sum(p[0].numel() for p in training.networks.parameters())


def test_the_references_are_those_of_the_same_characters() -> None:
    asked = config(longest_context=20)
    text = read_text(asked)
    counts = counted(asked, text)
    starts = text.starts("test", 21, 40)
    every = counted_bits(text.training, text.test, 80, 12)
    assert counts.contexts_K[-2:] == [None, None], "16 and 20 are beyond what is counted"
    assert counts.contexts_K[2] == pytest.approx(every[2, starts + 20].mean())
    assert counts.positions_P[1] == pytest.approx(every[1, starts + 1].mean())
    assert counts.positions_P[20] == pytest.approx(counts.bits)
    assert counts.order == counted_bits(text.training, text.validation, 80, 12).mean(1).argmin()


def test_the_same_config_gives_the_same_rows_and_another_seed_others() -> None:
    first, again, other = (rows_of(run(seed=seed)) for seed in (0, 0, 5))
    assert first == again != other


def test_a_seed_alone_comes_to_what_it_comes_to_among_others() -> None:
    among, alone = run(learning_rate=0.01), run(learning_rate=0.01, seed=1, seeds=1)
    ours = [row for row in of(among, TrainingRow) if row.seed == 1]
    assert ours == of(alone, TrainingRow)


def test_a_run_that_goes_on_from_a_checkpoint_ends_the_same() -> None:
    events = run()
    checkpoints = of(events, Checkpoint)
    assert len(checkpoints) == 3, "one for each learning rate"
    for checkpoint in checkpoints:
        assert rows_of(run(checkpoint.content)) == rows_of(events)


def test_progress_rises_to_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.training.Throttle.due", lambda self: True)
    progress = of(run(), Progress)
    done = [one.done for one in progress]
    assert done == sorted(done)
    assert done[-1] <= progress[-1].total == work(config())
    assert work(config()) == 3 * rate_work(config())


def test_a_seed_is_judged_with_its_best_weights() -> None:
    asked = config(learning_rate=0.01)
    training = TextTraining(asked, read_text(asked), 0.01, CPU)
    training.trainer.advance()
    [*training.validate()]
    best = [parameter.detach().clone() for parameter in training.networks.parameters()]
    training._keep([None, 99.0, 0.0])  # diverged, worse, better
    training.trainer.advance()
    later = [parameter.detach().clone() for parameter in training.networks.parameters()]
    training._keep([9.9, 9.9, -1.0])
    training.attempts()
    for kept, old, new in zip(training.networks.parameters(), best, later, strict=True):
        assert torch.equal(kept[1], old[1])
        assert torch.equal(kept[2], new[2])


def test_a_seed_that_diverged_has_no_value_and_the_others_have() -> None:
    events = run(**DIVERGES)
    assert {row.bits for row in of(events, SeedRow)} == {None}
    assert {row.bits for row in of(events, PositionRow)} == {None}
    summary = events[-1]
    assert summary.bits == summary.context == MISSING
    assert summary.diverged == "seed 0, seed 1, seed 2"
    flat = dict(zip(summary.header(), summary.flat(), strict=True))
    assert "no bits, because training of every seed" in LANGUAGE_MODEL.sentence(config(), flat)
    asked, text = config(), read_text(config())
    rows = [SeedRow(0, 0.01, 2.5, 4, 3.5, 4.5), SeedRow(1, 0.01, None, None, None, None)]
    attempts = [Attempt(0.01, 0, 2.5, ()), Attempt(0.01, 1, None, ())]
    partly = summarise(asked, text, attempts, rows, counted(asked, text))
    assert (partly.bits, partly.diverged) == (Estimate(2.5, None, None, 1), "seed 1")


# --- A file of one's own.


def corpus(path: Path, words: int = 3) -> Path:
    chance = numpy.random.default_rng(0)
    lines = [
        f"{' '.join(f'wort{n}' for n in chance.integers(0, 99, words))}\tone {at}"
        for at in range(300)
    ]
    path.write_text("\n".join(lines))
    return path


def of_file(path: Path, **settings: Any) -> LanguageModelConfig:
    (made,) = LANGUAGE_MODEL.configs(
        ["gru"],
        {
            name: [value]
            for name, value in {
                **TINY,
                "text": "file",
                "side": "source",
                "file": str(path),
                **settings,
            }.items()
        },
    )
    assert isinstance(made, LanguageModelConfig)
    return made


def test_a_side_of_a_corpus_is_read_and_pinned_by_its_content(tmp_path: Path) -> None:
    path = corpus(tmp_path / "pairs.tsv")
    made = of_file(path, learning_rate=0.01)
    assert len(made.file_sha256) == 12
    *_, summary = LANGUAGE_MODEL.measure(made)
    assert summary.characters == len(read_text(made).training) > 3000
    flat = dict(zip(summary.header(), summary.flat(), strict=True))
    assert "GRU 8 on the source side of pairs.tsv: " in LANGUAGE_MODEL.sentence(made, flat)
    path.write_text(path.read_text().replace("wort1", "wort2"))
    with pytest.raises(BadSetting, match="whose content is not what it was when this run"):
        read_text(made)


def test_a_file_outside_of_the_folder_of_corpora_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = tmp_path / "corpora"
    inside.mkdir()
    outside = corpus(tmp_path / "pairs.tsv")
    monkeypatch.setenv("UNROLL_CORPORA", str(inside))
    with pytest.raises(BadSetting, match="outside the folder that files may be read from"):
        of_file(outside)
    corpus(inside / "pairs.tsv")
    assert of_file(Path("pairs.tsv")).file == "pairs.tsv"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"text": "file"}, "file is '', but text is file"),
        ({"text": "book"}, "text is 'book'"),
        ({"side": "third"}, "side is 'third'"),
        ({"vocabulary": 251}, "vocabulary is 251"),
        ({"tested_windows": 41}, "tested_windows is 41"),
        ({"longest_context": 0}, "longest_context is 0"),
    ],
)
def test_bad_settings_are_sentences(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadSetting, match=sentence):
        config(**settings)


def test_a_text_that_is_too_short_is_refused_when_a_run_is_asked_for(tmp_path: Path) -> None:
    path = corpus(tmp_path / "pairs.tsv")
    with pytest.raises(BadSetting, match="tested_windows is too many: 400 windows of 7"):
        of_file(path, tested_windows=4000)
    with pytest.raises(BadSetting, match="window is 5,000, but the training part"):
        of_file(path, window=5000, side="target")


# --- Known values.


@pytest.mark.slow
def test_a_trained_gru_comes_near_to_the_entropy_of_the_chain_and_never_under_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts = (CHAIN.draw(60_000, 3), CHAIN.draw(10_000, 4), CHAIN.draw(40_000, 5))
    text = RunningText("", *parts)
    monkeypatch.setattr("core.experiments.language_model.measure.read_text", lambda _: text)
    asked = LanguageModelConfig.from_flat(
        {
            "cell": "gru", "hidden_size": 16, "embedding_size": 4, "vocabulary": 2, "seeds": 2,
            "window": 32, "longest_context": 16, "tested_windows": 20_000, "batch_size": 32,
            "training_steps": 500, "learning_rate": 0.01,
        }
    )  # fmt: skip
    rows = [event for event in LANGUAGE_MODEL.measure(asked) if isinstance(event, ContextRow)]
    windows_WT = torch.from_numpy(text.windows("test", 17, 20_000))
    own_KW = context_bits(CHAIN.predict, windows_WT[:, -3:], [0, 1, 2])[0]
    for row in rows:
        bits = own_KW[min(2, [*(0, 1, 2, 4, 8, 16)].index(row.context))]
        assert row.bits is not None
        error = float(bits.std()) / math.sqrt(len(bits))
        # The chain's own bits on these very characters: sampling moves both alike.
        assert -0.1 * error - 1e-3 < row.bits - float(bits.mean()) < 0.01
        assert float(bits.mean()) == pytest.approx(
            CHAIN.entropy(min(2, row.context)), abs=4 * error
        )
    summary = [*LANGUAGE_MODEL.measure(asked)][-1]
    assert summary.context.value == 2


def test_a_file_that_would_not_be_read_is_refused_when_a_run_is_asked_for() -> None:
    config = LanguageModelConfig(file="book.txt")
    with pytest.raises(BadSetting, match=r"file is 'book\.txt', and text is 'licences'"):
        config.pinned()
