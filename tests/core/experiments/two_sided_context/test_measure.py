"""`two-sided-context`: both directions see what one cannot; a resumed run ends the same."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import Any

import pytest
import torch

from core.experiment import Checkpoint, Progress, Row
from core.experiments.two_sided_context import TWO_SIDED_CONTEXT
from core.experiments.two_sided_context.declaration import (
    VALIDATION_SEQUENCES,
    ContextRow,
    Group,
    Member,
    RevisionRow,
    TrainingRow,
    TwoSidedContextConfig,
    TwoSidedContextSummary,
    group_work,
    groups,
)
from core.experiments.two_sided_context.measure import generates, revision_rows
from core.experiments.two_sided_context.training import Taggers, TaggingTask, generator
from core.models.counting import count_parameters, pass_cost
from core.models.registry import cell_kinds
from core.models.seq2seq import Seq2SeqShape
from core.settings import BadSetting
from core.stats.estimates import median_estimate
from core.tasks import tag_rules
from core.tasks.tagging import UNCOUNTED
from tests.core.made import every_variant

TINY: dict[str, Any] = {
    "hidden_size": 6,
    "training_steps": 6,
    "furthest": 2,
    "seeds": 2,
    "sequence_length": 9,
    "batch_size": 4,
    "tested_sequences": 10,
    "validations": 3,
}

LEARNING: dict[str, Any] = {
    "hidden_size": 16,
    "training_steps": 250,
    "furthest": 2,
    "seeds": 2,
    "sequence_length": 16,
    "learning_rate": 0.02,
    "tested_sequences": 100,
    "validations": 1,
}

CELLS = [pytest.param(cell, marks=[pytest.mark.slow] * (cell != "gru")) for cell in cell_kinds()]
"""One is trained in the usual suite, and all in the slow one."""


def config(variant: str = "lstm", **settings: Any) -> TwoSidedContextConfig:
    asked = {name: [value] for name, value in {**TINY, **settings}.items()}
    (made,) = TWO_SIDED_CONTEXT.configs([variant], asked)
    assert isinstance(made, TwoSidedContextConfig)
    return made


def run(variant: str = "lstm", **settings: Any) -> list[Any]:
    return list(TWO_SIDED_CONTEXT.measure(config(variant, **settings)))


@cache
def learned(variant: str, rule: str) -> tuple[Any, ...]:
    return tuple(run(variant, **LEARNING, rule=rule))


def of(events: Any, kind: type) -> list[Any]:
    return [event for event in events if type(event) is kind]


def rows(events: Any) -> list[Row]:
    return [event for event in events if isinstance(event, Row)]


def accuracy(events: Any, network: str) -> dict[int, float]:
    """Look-ahead → mean over seeds."""
    values: defaultdict[int, list[float]] = defaultdict(list)
    for row in of(events, ContextRow):
        if row.network == network:
            values[row.look_ahead].append(row.accuracy.value)
    return {ahead: sum(those) / len(those) for ahead, those in values.items()}


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("rule", ["pair", "ahead", "compare"])
def test_both_directions_see_ahead_and_one_does_not(cell: str, rule: str) -> None:
    both, one = learned(f"bi-{cell}", rule), learned(cell, rule)
    chance = tag_rules.chance(rule, 4, 1)  # type: ignore[arg-type]
    seen, guessed = accuracy(both, "itself"), accuracy(one, "itself")
    assert seen[0] > 99
    assert guessed[0] > 99
    for ahead in (1, 2):
        assert seen[ahead] > 97
        assert guessed[ahead] < chance + 5
        assert accuracy(one, "wider")[ahead] < chance + 5
        assert accuracy(one, "delayed")[ahead] > 97


@pytest.mark.parametrize("variant", every_variant())
def test_every_row_agrees_with_the_others(variant: str) -> None:
    events = run(variant)
    (summary,) = of(events, TwoSidedContextSummary)
    assert events[-1] is summary
    one = not variant.startswith("bi-")
    networks = ("itself", "delayed", "wider") if one else ("itself",)
    context = of(events, ContextRow)
    assert {(r.network, r.look_ahead, r.seed) for r in context} == {
        (network, ahead, seed) for network in networks for ahead in range(3) for seed in range(2)
    }
    assert [row.chance for row in context if row.look_ahead] == [25.0] * (4 * len(networks))
    assert [row.accuracy.n for row in context] == [10] * len(context)
    steps = {(row.network, row.training_step) for row in of(events, TrainingRow)}
    assert steps == {(network, step) for network in networks for step in (2, 4, 6)}
    assert {row.read_on for row in of(events, RevisionRow)} == {0, 1, 2, 3, 4}
    means = [
        [r.accuracy.value for r in context if (r.network, r.seed) == ("itself", seed)][1:]
        for seed in range(2)
    ]
    assert summary.ahead_accuracy == median_estimate(sum(of_seed) / 2 for of_seed in means)
    assert summary.lowest_accuracy == median_estimate(map(min, means))
    assert summary.highest_accuracy == median_estimate(map(max, means))
    assert (summary.wider_accuracy.value is not None) == one
    assert (summary.delayed_accuracy.value is not None) == one
    assert summary.output_size == (6 if one else 12)
    parameters = count_parameters(config(variant).architecture, 4, outputs=16).total
    assert summary.parameters == parameters
    progress = of(events, Progress)
    assert progress[-1].done == pytest.approx(progress[-1].total)
    assert progress == sorted(progress, key=lambda event: event.done)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_wider_has_the_parameters_of_the_bidirectional_form(cell: str, layers: int) -> None:
    both = config(f"bi-{cell}", hidden_size=40, layers=layers)
    wider = config(cell, hidden_size=40, layers=layers).wider
    assert wider is not None
    off = [
        count_parameters(wider.model_copy(update={"hidden_size": size}), 4, outputs=4).total
        - count_parameters(both.architecture, 4, outputs=4).total
        for size in (wider.hidden_size - 1, wider.hidden_size, wider.hidden_size + 1)
    ]
    assert abs(off[1]) == min(map(abs, off))
    assert not wider.bidirectional
    assert both.wider is None


def test_a_seed_starts_from_the_same_weights_at_every_look_ahead() -> None:
    (first, *_) = groups(config())
    taggers = Taggers(config(), first)
    for parameter in taggers.parameters():
        for seed in range(2):
            of_seed = [i for i, m in enumerate(first.members) if m.seed == seed]
            assert all(torch.equal(parameter[i], parameter[of_seed[0]]) for i in of_seed)
        assert parameter.shape[-1] == 16 or not torch.equal(parameter[0], parameter[1])


def test_networks_of_a_seed_read_the_same_sequences_and_delayed_ones_answer_later() -> None:
    asked = config()
    members = [Member("itself", 2, 0), Member("delayed", 2, 0), Member("itself", 2, 1)]
    task = TaggingTask(asked, members, torch.device("cpu"))
    tokens_STB = task.draw(3, task.generators("test"))
    x_NTBV, target_NTB = task.read(tokens_STB), task.targets(tokens_STB)
    assert torch.equal(x_NTBV[0], x_NTBV[1])
    assert torch.equal(x_NTBV[2].argmax(-1), tokens_STB[1])
    pair_TB = 4 * tokens_STB[0, :-2] + tokens_STB[0, 2:]
    assert torch.equal(target_NTB[0, :-2], pair_TB)
    assert torch.equal(target_NTB[1, 2:], pair_TB)
    assert (target_NTB[0, -2:] == UNCOUNTED).all()
    assert (target_NTB[1, :2] == UNCOUNTED).all()


def test_a_loss_is_torchs_mean_over_the_tags_that_count() -> None:
    members = [Member("itself", 0, 0), Member("delayed", 2, 0)]
    task = TaggingTask(config(), members, torch.device("cpu"))
    target_NTB = task.targets(task.draw(3, task.generators("test")))
    scores = torch.randn(*target_NTB.shape, 16, generator=torch.Generator().manual_seed(0))
    losses_N = task.losses(scores, target_NTB)
    for number, wanted in enumerate(target_NTB):
        expected = torch.nn.functional.cross_entropy(
            scores[number].flatten(0, 1), wanted.flatten(), ignore_index=UNCOUNTED
        )
        torch.testing.assert_close(losses_N[number], expected)


def test_what_is_drawn_for_one_purpose_says_nothing_of_another() -> None:
    draws = [
        torch.randint(1000, (20,), generator=generator(seed, purpose)).tolist()
        for seed in range(3)
        for purpose in ("weights", "training", "validation", "test")
    ]
    assert len({tuple(draw) for draw in draws}) == 12


def test_a_seed_is_the_same_alone_and_among_others(monkeypatch: pytest.MonkeyPatch) -> None:
    together = rows(run(seeds=3))
    alone = rows(run(seeds=1, seed=2))
    kinds = (ContextRow, RevisionRow, TrainingRow)
    expected = [row for row in together if isinstance(row, kinds) and row.seed == 2]
    assert [row for row in alone if isinstance(row, kinds)] == expected
    monkeypatch.setattr("core.experiments.two_sided_context.declaration.MAX_SAVED", 1)
    assert len(groups(config(seeds=3))) == 6
    apart = rows(run(seeds=3))
    assert sorted(map(str, apart)) == sorted(map(str, together))


@pytest.mark.parametrize("cell", CELLS)
def test_one_direction_never_revises_a_tag(cell: str) -> None:
    revisions = of(learned(cell, "pair"), RevisionRow)
    assert len(revisions) == 3 * 2 * 5
    assert {row.revised for row in revisions} == {0.0}


@pytest.mark.parametrize("cell", CELLS)
def test_both_directions_revise_until_the_needed_token_is_read(cell: str) -> None:
    for row in of(learned(f"bi-{cell}", "pair"), RevisionRow):
        if row.read_on < row.look_ahead:
            assert row.revised > 50
        else:
            assert row.revised < 10


def test_reading_to_the_end_leaves_nothing_to_revise() -> None:
    asked = config("bi-gru", sequence_length=5, furthest=4)
    revisions = of(TWO_SIDED_CONTEXT.measure(asked), RevisionRow)
    assert {row.read_on for row in revisions} == {0, 1, 2, 3, 4}
    assert {row.revised for row in revisions if row.read_on == 4} == {0.0}


def test_revisions_are_those_of_the_network_itself() -> None:
    asked = config("rnn", furthest=0)
    members = (Member("delayed", 0, 0), Member("itself", 0, 1))
    taggers = Taggers(asked, Group(asked.architecture, members))
    assert {row.seed for row in revision_rows(asked, taggers)} == {1}


def test_the_same_settings_give_the_same_rows_and_another_seed_others() -> None:
    assert rows(run()) == rows(run())
    assert rows(run(seed=5)) != rows(run())


@pytest.mark.parametrize("variant", ["gru", "bi-rnn"])
def test_a_run_that_goes_on_from_a_checkpoint_ends_the_same(
    variant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = rows(run(variant))
    monkeypatch.setattr("core.training.Checkpointer.due", lambda self: True)
    monkeypatch.setattr("core.training.Throttle.due", lambda self: True)
    checkpoints = of(run(variant), Checkpoint)
    assert len(checkpoints) == (14 if variant == "gru" else 7)  # each step, and each group's end
    assert TWO_SIDED_CONTEXT.resumable
    for checkpoint in (*checkpoints[::3], checkpoints[-1]):
        rest = list(TWO_SIDED_CONTEXT.measure(config(variant), checkpoint.content))
        assert rows(rest) == whole


def test_a_network_that_diverges_has_no_accuracy() -> None:
    wild = {"nonlinearity": "relu", "recurrent_gain": 100.0, "sequence_length": 60, "clip": None}
    events = run("bi-rnn", **wild, furthest=1)
    assert {row.accuracy.value for row in of(events, ContextRow)} == {None}
    assert {(row.loss, row.accuracy) for row in of(events, TrainingRow)} == {(None, None)}
    assert {row.revised for row in of(events, RevisionRow)} == {None}
    (summary,) = of(events, TwoSidedContextSummary)
    assert summary.ahead_accuracy.n == 0
    flat = dict(zip(summary.header(), summary.flat(), strict=True))
    asked = config("bi-rnn", **wild, furthest=1)
    assert "diverged" in TWO_SIDED_CONTEXT.sentence(asked, flat)


def test_a_bidirectional_decoder_refuses_and_its_words_are_kept() -> None:
    shape = config("bi-gru").architecture
    with pytest.raises(BadSetting) as refusal:
        Seq2SeqShape(shape, shape, "none", 10, 10, 8)
    assert generates(shape) == f"No: {refusal.value}"
    assert generates(config("gru").architecture) == "Yes, token by token"


def test_work_grows_with_what_is_asked() -> None:
    work = TWO_SIDED_CONTEXT.work
    assert work(config(training_steps=60)) > 1.5 * work(config())
    assert work(config("lstm")) > work(config("bi-lstm")), "it has two controls"
    assert work(config(furthest=8)) > work(config())


def test_look_aheads_are_each_up_to_ten_then_further_apart() -> None:
    assert config(furthest=3, sequence_length=9).look_aheads == (0, 1, 2, 3)
    far = config(furthest=40, sequence_length=60).look_aheads
    assert far == (*range(11), 15, 20, 30, 40)
    assert config(furthest=0).look_aheads == (0,)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"furthest": 9}, "furthest is 9, but sequence_length is 9; give at most 8"),
        ({"rule": "behind"}, "rule is 'behind'; give pair, ahead or compare"),
        ({"tokens": 1}, "tokens is 1; give a whole number from 2 to 256"),
        ({"clip": 0}, "clip is 0; give a number from 1e-06"),
        ({"hidden_size": 12_000}, "give a size for at most 250,000,000"),
    ],
)
def test_a_setting_that_cannot_be_used_is_explained(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(BadSetting, match=said):
        config(**settings)


@pytest.mark.parametrize("variant", ["gru", "bi-gru"])
def test_work_is_the_training_the_validations_and_the_test_of_every_network(variant: str) -> None:
    asked = config(variant)
    expected = 0.0
    for group in groups(asked):
        networks = len(group.members)
        common = {"steps": 9, "backward": False}
        trained = pass_cost(group.architecture, 4, steps=9, sequences=networks * 4)
        validated = pass_cost(
            group.architecture, 4, sequences=networks * VALIDATION_SEQUENCES, **common
        )
        tested = pass_cost(group.architecture, 4, sequences=networks * 10, **common)
        training, testing = group_work(asked, group)
        assert training == pytest.approx(6 * trained + 3 * validated)
        assert testing == pytest.approx(2 * tested)
        expected += training + testing
    assert TWO_SIDED_CONTEXT.work(asked) == pytest.approx(expected)
