"""The networks that the explorer steps, the sequences that they read, and their gradient curve.

Fresh networks are `gradient-decay`'s own, seed for seed: its sequences, loss directions and
weights. The curve is its measurement of them.

Shapes: S seeds, T time, B = 1, I input, H hidden.
"""

from __future__ import annotations

import copy
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from core.device import resolve_device
from core.experiments.gradient_decay.declaration import (
    DecayRow,
    GradientDecaySummary,
    GradientRow,
    TrainingRow,
)
from core.experiments.gradient_decay.measure import (
    GradientStudy,
    decay_rows,
    gradient_rows,
    measure,
    summarise,
)
from core.experiments.length_quality.model import as_read
from core.experiments.length_quality.translator import Translator
from core.explorer.exploration import (
    MAX_STEPS,
    Exploration,
    ExplorerConfig,
    Part,
    split_letters,
    training_config,
)
from core.measure.gradients import LayerGradients, measure_gradients, seed_blocks
from core.models.architecture import Architecture
from core.models.cells import Weights
from core.models.initialisation import parameter_names
from core.models.layer import StepCell
from core.models.recurrent import Recurrent
from core.models.registry import cell_kind
from core.settings import BadSetting
from core.tasks.corpora import BEGIN, Pair


class Networks(NamedTuple):
    """S networks of one architecture, one layer, one direction; each reads one sequence."""

    config: ExplorerConfig
    model: Recurrent
    x_STBI: Tensor
    grad_loss_SBH: Tensor
    tokens: tuple[str, ...]
    """The name of what each step reads; empty strings where it is drawn."""


def fresh_networks(exploration: Exploration) -> Networks:
    """Networks as the config initialises them; letters take the place of drawn sequences."""
    letters = split_letters(exploration.text).letters
    if not letters:
        return _shifted(_networks(exploration.config), exploration)
    x_TI = (
        one_hot(letters)
        if exploration.one_hot
        else random_vectors(letters, exploration.config.features)
    )
    return _shifted(_networks(exploration.config, x_TI, letters), exploration)


def _networks(
    config: ExplorerConfig, x_TI: Tensor | None = None, tokens: tuple[str, ...] = ()
) -> Networks:
    """Networks whose seeds all read x, or without x each its own drawn sequence."""
    if x_TI is not None:
        sizes = {"sequence_length": x_TI.shape[0], "input_size": x_TI.shape[1]}
        config = config.model_copy(update=sizes)
    study = GradientStudy(config, resolve_device("cpu", config.dtype))
    x_STBI = study.x_STBI if x_TI is None else x_TI[:, None].expand_as(study.x_STBI)
    tokens = tokens or ("",) * config.sequence_length
    return Networks(config, study.model, x_STBI, study.grad_loss_SBH, tokens)


def random_vectors(letters: Sequence[str], input_size: int) -> Tensor:
    """Letters as vectors from N(0, 1), TI: a letter has the same one in every text and seed."""
    return torch.stack(
        [
            torch.randn(
                input_size,
                dtype=torch.float64,
                generator=torch.Generator().manual_seed(zlib.crc32(letter.encode())),
            )
            for letter in letters
        ]
    )


def one_hot(letters: Sequence[str]) -> Tensor:
    """Letters as unit vectors, TI, numbered in the order in which they come up."""
    index = {letter: number for number, letter in enumerate(dict.fromkeys(letters))}
    return torch.eye(len(index), dtype=torch.float64)[[index[letter] for letter in letters]]


def trained_networks(translator: Translator, part: Part, exploration: Exploration) -> Networks:
    """A finished run's weights: layer 1, the forward direction, from a state of zeros.

    All S networks are this one: what differs between them is the drawn sequence (unless something
    was typed, which is read as the run reads text) and the direction of the loss. The exploration's
    recurrent gain multiplies the trained recurrent weights; its gate bias is added to the trained
    one.
    """
    whole = translator.model.encoder if part == "encoder" else translator.model.decoder
    shape = whole.architecture.model_copy(update={"layers": 1, "bidirectional": False})
    update = {"architecture": shape, "input_size": whole.input_size}
    config = exploration.config.model_copy(update=update)
    text = exploration.text.strip()
    networks = _networks(config, *(embed_text(translator, part, text) if text else ()))
    if isinstance(whole.cell, StepCell):
        weights = whole.parameters_of(whole.cell, 0, 0)
    else:
        blocks = cell_kind(whole.architecture.cell).weight_blocks
        adjusted = _adjusted(whole.weights(0, 0), blocks, exploration.config.architecture)
        weights = adjusted._asdict()
    for name, full in parameter_names(weights, 0, 0).items():
        parameter = networks.model.get_parameter(full)
        parameter.data = weights[name].detach().double().expand_as(parameter).clone()
    return _shifted(networks, exploration)


def _shifted(networks: Networks, exploration: Exploration) -> Networks:
    """The networks with a number added to a parameter of their cell, if that is asked for."""
    if exploration.shift is not None:
        name, by = exploration.shift
        networks.model.get_parameter(parameter_names((name,), 0, 0)[name]).data.add_(by)
    return networks


@torch.no_grad()
def _adjusted(weights: Weights, blocks: Sequence[str], asked: Architecture) -> Weights:
    """The weights with the gain and the gate biases that were asked for, in float64."""
    adjusted = Weights(*(weight.detach().double().clone() for weight in weights))
    adjusted.weight_hh.mul_(asked.recurrent_gain)
    for gate, value in (("forget", asked.forget_bias), ("update", asked.update_bias)):
        if value is not None and gate in blocks:
            adjusted.bias_ih.view(len(blocks), -1)[blocks.index(gate)] += value
    return adjusted


@torch.no_grad()
def embed_text(translator: Translator, part: Part, text: str) -> tuple[Tensor, tuple[str, ...]]:
    """A text as a run's encoder or decoder reads it: embedded tokens (TI), and their names."""
    prepared = translator.prepare(text)
    if part == "encoder":
        codec, embedding = translator.source, translator.model.read
        tokens = list(as_read(translator.config, Pair(codec.encode(prepared), ())).source)
        names = codec.pieces(tokens)
    else:
        codec, embedding = translator.target, translator.model.write
        words = codec.encode(prepared)
        tokens, names = [BEGIN, *words], ["begin", *codec.pieces(words)]
    if not tokens:
        raise BadSetting("nothing of this text is read; type a word")
    tokens, names = tokens[:MAX_STEPS], names[:MAX_STEPS]
    return embedding(torch.tensor(tokens)).double(), tuple(names)


class GradientCurve(NamedTuple):
    """Rows of every seed, and their summary."""

    rows: list[GradientRow]
    decays: list[DecayRow]
    summary: GradientDecaySummary


def gradient_curve(networks: Networks) -> GradientCurve:
    """∂L/∂x_t and ∂L/∂(h_t, c_t) by distance, all seeds in one pass; no Jacobians."""
    return gradient_curves([networks])[0]


def gradient_curves(many: Sequence[Networks]) -> list[GradientCurve]:
    """The curves of networks of equal sizes that read equally long sequences, measured in one pass.

    What differs between them is their weights: a setting at every position of a slider.
    """
    model = copy.deepcopy(many[0].model)
    for name, parameter in model.named_parameters():
        parameter.data = torch.cat([n.model.get_parameter(name).data for n in many])
    x_STBI = torch.cat([networks.x_STBI for networks in many])
    grad_loss_SBH = torch.cat([networks.grad_loss_SBH for networks in many])
    measured = [
        measure_gradients(model, x_STBI[block], grad_loss_SBH[block], block)[0]
        for block in seed_blocks(model, x_STBI)
    ]
    inputs_SKB = torch.cat([layer.input_SKB for layer in measured])
    states_SKB = torch.cat([layer.state_SKB for layer in measured])
    curves = []
    for index, networks in enumerate(many):
        config = networks.config
        own = slice(index * config.seeds, (index + 1) * config.seeds)
        layer = LayerGradients(1, "past", inputs_SKB[own], states_SKB[own])
        seeds = range(config.seed, config.seed + config.seeds)
        rows, decays = gradient_rows(0, seeds, layer), decay_rows(0, seeds, layer)
        curves.append(GradientCurve(rows, decays, summarise(config, rows, decays, (), ())))
    return curves


class Snapshot(NamedTuple):
    """What training has made of a cell's gradient."""

    training_step: int
    losses: tuple[float | None, ...]
    """Held-out cross-entropy of each seed, nats."""
    curve: GradientCurve


def training_snapshots(config: ExplorerConfig) -> Iterator[Snapshot]:
    """Train a cell on `gradient-decay`'s recall task, and measure its gradient meanwhile.

    The numbers are those of a `gradient-decay` run with the same settings.
    """
    training = training_config(config)
    rows: defaultdict[int, list[GradientRow]] = defaultdict(list)
    decays: defaultdict[int, list[DecayRow]] = defaultdict(list)
    losses: defaultdict[int, list[float | None]] = defaultdict(list)
    for event in measure(training):
        if isinstance(event, GradientRow):
            rows[event.training_step].append(event)
        elif isinstance(event, DecayRow):
            decays[event.training_step].append(event)
        elif isinstance(event, TrainingRow):
            losses[event.training_step].append(event.loss)
    for step in rows:
        summary = summarise(training, rows[step], decays[step], (), ())
        yield Snapshot(step, tuple(losses[step]), GradientCurve(rows[step], decays[step], summary))
