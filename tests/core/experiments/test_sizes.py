"""What a budget counts: the tensors of what an experiment compares, no more and no less."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.experiment import Config, Experiment
from core.experiments import all_experiments
from core.experiments.length_quality import LENGTH_QUALITY
from core.experiments.length_quality.declaration import LengthQualityConfig
from core.experiments.length_quality.model import build, corpus_of, shape_of
from core.experiments.memory_span.declaration import MemorySpanConfig
from core.experiments.memory_span.training import LagTaskSetup
from core.experiments.two_sided_context.declaration import TwoSidedContextConfig, groups
from core.experiments.two_sided_context.training import Taggers
from core.models.recurrent import Recurrent
from core.models.registry import usual_variants
from core.models.seq2seq import Padded, Seq2Seq
from core.settings import BadSetting
from core.tasks.corpora import codecs

CPU = torch.device("cpu")

SHAPES = {
    "variant": st.sampled_from(list(usual_variants())),
    "layers": st.integers(1, 3),
    "hidden_size": st.integers(1, 24),
}


def numbers(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def flat(variant: str, **more: Any) -> dict[str, Any]:
    return {**usual_variants()[variant], **more}


@settings(max_examples=150, deadline=None)
@given(
    **SHAPES,
    attention=st.sampled_from(["none", "additive", "dot", "general"]),
    decoder=st.sampled_from(["same", "rnn", "lstm", "gru"]),
    embedding_size=st.integers(1, 16),
    task=st.sampled_from(["grammar", "copy", "reverse"]),
)
def test_the_size_of_a_translator_is_that_of_its_tensors(variant: str, **more: Any) -> None:
    config = LengthQualityConfig.from_flat(flat(variant, **more))
    source, target = codecs(config.task)  # type: ignore[arg-type]
    model = Seq2Seq(shape_of(config, source.size, target.size))
    assert config.parameters == numbers(model)
    tokens = torch.full((3, 1), 4)
    state = model.encode(Padded(tokens, torch.tensor([3]))).state
    assert config.state_bytes == sum(part.nbytes for part in state), "what the decoder starts from"


def test_the_size_of_a_translator_of_a_text_is_that_of_its_tensors(tmp_path: Path) -> None:
    file = tmp_path / "text.tsv"
    lines = [f"the {n} small dogs\tdie {n} kleinen hunde" for n in range(40)]
    file.write_text("\n".join(lines))
    text = {"task": "tsv", "file": str(file), "vocabulary": 50, "shortest": 1, "attention": "dot"}
    config = LengthQualityConfig.from_flat(flat("bi-gru", **text, hidden_size=6))
    model = build(config, corpus_of(config), CPU)
    assert config.parameters == numbers(model)


@settings(max_examples=60, deadline=None)
@given(**SHAPES, task=st.sampled_from(["recall", "adding", "copy"]), symbols=st.integers(2, 9))
def test_the_size_of_a_network_that_remembers_is_that_of_its_tensors(
    variant: str, **more: Any
) -> None:
    config = MemorySpanConfig.from_flat(flat(variant, **more, seeds=2))
    networks = LagTaskSetup.networks(_unmeasured(config))
    assert config.parameters == sum(p[0].numel() for p in networks.parameters())


def _unmeasured(config: MemorySpanConfig) -> Any:
    """As much of a set-up as building its networks takes."""
    setup = LagTaskSetup.__new__(LagTaskSetup)
    setup.config, setup.device, setup.seeds = config, CPU, range(config.seeds)
    return setup


@settings(max_examples=60, deadline=None)
@given(**SHAPES, rule=st.sampled_from(["ahead", "compare"]), tokens=st.integers(2, 9))
def test_the_sizes_of_taggers_and_of_their_wider_control_are_those_of_their_tensors(
    variant: str, **more: Any
) -> None:
    config = TwoSidedContextConfig.from_flat(flat(variant, **more, seeds=1, furthest=0))
    for group in groups(config):
        taggers = Taggers(config, group)
        found = sum(parameter[0].numel() for parameter in taggers.parameters())
        assert found == config.parameters_of(group.architecture)
    assert config.parameters == config.parameters_of(config.architecture)


@settings(max_examples=100, deadline=None)
@given(**SHAPES, tokens=st.integers(2, 40))
def test_no_whole_network_is_closer_to_the_bidirectional_one_than_the_wider_control(
    variant: str, **more: Any
) -> None:
    config = TwoSidedContextConfig.from_flat(flat(variant, **more))
    if config.wider is None:
        assert config.architecture.bidirectional
        return
    both = config.parameters_of(config.two_sided)

    def off(step: int) -> int:
        assert config.wider is not None
        sized = config.wider.model_copy(update={"hidden_size": config.wider.hidden_size + step})
        return abs(config.parameters_of(sized) - both)

    assert off(0) <= min(off(1), off(-1) if config.wider.hidden_size > 1 else off(0))


@pytest.mark.parametrize("name", ["gradient-decay", "parameter-count", "throughput"])
@pytest.mark.parametrize("variant", usual_variants())
def test_elsewhere_the_recurrent_layers_are_all_there_is(name: str, variant: str) -> None:
    experiment = next(e for e in all_experiments() if e.name == name)
    (config, *_) = experiment.configs([variant], {"hidden_size": [7], "layers": [2]})
    assert config.counted == "recurrent layers"
    assert config.parameters == numbers(Recurrent(config.architecture, config.features))


@pytest.mark.parametrize("experiment", all_experiments(), ids=lambda e: e.name)
@settings(max_examples=60, deadline=None)
@given(
    variant=st.sampled_from(list(usual_variants())),
    layers=st.integers(1, 4),
    budget=st.one_of(
        st.tuples(st.just("parameter_budget"), st.integers(100, 3_000_000)),
        st.tuples(st.just("state_budget"), st.integers(1, 8_000)),
    ),
    more=st.sampled_from(["none", "general", "additive"]),
)
def test_a_budget_gets_the_hidden_size_that_comes_closest(
    experiment: Experiment, variant: str, layers: int, budget: tuple[str, int], more: str
) -> None:
    name, asked = budget
    settings = {"layers": layers, **({"attention": more} if experiment is LENGTH_QUALITY else {})}
    smallest = experiment.config.from_flat(flat(variant, **settings, hidden_size=1))
    if _count(smallest, name) > 1.05 * asked:
        with pytest.raises(BadSetting, match=f"{name} is .* at hidden size 1; give at least"):
            experiment.config.from_flat(flat(variant, **settings, **{name: asked}))
        return
    config = experiment.config.from_flat(flat(variant, **settings, **{name: asked}))

    def off(width: int) -> int:
        return abs(_count(config.at_width(width), name) - asked)

    size = config.architecture.hidden_size
    assert off(size) <= off(size + 1)
    assert size == 1 or off(size) < off(size - 1)


def _count(config: Config, name: str) -> int:
    return config.parameters if name == "parameter_budget" else config.state_bytes


@pytest.mark.parametrize("budget", [30_000, 50_000, 200_000, 1_000_000])
def test_translators_of_every_cell_and_attention_are_whole_models_of_one_size(budget: int) -> None:
    """At 50,000 they had 126,420 to 220,529 parameters while the budget was of the encoder."""
    attentions = ["none", "dot", "general", "additive"]
    configs = LENGTH_QUALITY.configs(
        list(usual_variants()),
        {"parameter_budget": [budget], "attention": attentions, "seeds": [1]},
    )
    assert len(configs) == len(usual_variants()) * len(attentions)
    sizes = {(c.architecture.variant, c.flat()["attention"]): c.parameters for c in configs}
    assert max(abs(size / budget - 1) for size in sizes.values()) < 0.05, sizes
