"""Training many seeds at once is training each of them."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from core.experiment import Checkpoint
from core.models.architecture import Architecture
from core.models.recurrent import Recurrent
from core.tasks.lag_tasks import Recall, SeededRecall
from core.training import (
    Checkpointer,
    LastStepClassifier,
    Throttle,
    Trainer,
    cross_entropy_by_seed,
    evenly_spaced,
    gradient_norms,
    scale_gradients,
)

TASK = Recall(sequence_length=8, shortest_lag=0, longest_lag=3, symbols=3, noises=2)


def trained(
    seeds: range,
    steps: int,
    *,
    cell: str = "gru",
    learning_rate: float = 0.01,
    clip: float | None = None,
) -> tuple[LastStepClassifier, list[Tensor]]:
    """The classifier after some steps, and every step's losses."""
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    recurrent = Recurrent(
        Architecture.model_validate({"cell": cell, "hidden_size": 8}),
        5,
        implementation="equations",
        generators=generators,
        dtype=torch.float64,
    )
    recall = SeededRecall(TASK, 5, generators, recurrent.weight_ih_l0)
    model = LastStepClassifier(recurrent, TASK.symbols, generators)

    def losses_of_step(_: int) -> Tensor:
        x_STBI, target_SB = recall.draw(16)
        return cross_entropy_by_seed(model(x_STBI), target_SB)

    trainer = Trainer(
        list(model.parameters()),
        losses_of_step,
        steps=steps,
        learning_rate=learning_rate,
        clip=clip,
        seeds=len(seeds),
    )
    return model, [step.losses_S for step in trainer]


@pytest.mark.parametrize("clip", [None, 0.05])
def test_a_seed_trains_the_same_alone_and_among_others(clip: float | None) -> None:
    together, losses = trained(range(4), steps=5, clip=clip)
    alone, own_losses = trained(range(2, 3), steps=5, clip=clip)
    for name, parameter in alone.named_parameters():
        assert torch.equal(parameter[0], together.get_parameter(name)[2])
    assert torch.equal(torch.cat(own_losses), torch.stack(losses)[:, 2])


def test_the_task_is_learned_by_every_seed() -> None:
    _, losses = trained(range(3), steps=300, learning_rate=0.02)
    chance = math.log(TASK.symbols)
    assert (torch.stack(losses[:5]).mean(0) > 0.8 * chance).all()
    assert (torch.stack(losses[-20:]).mean(0) < 0.2 * chance).all()


def test_the_readout_is_a_linear_map_of_the_last_output() -> None:
    model, _ = trained(range(2), steps=0)
    x_STBI = torch.randn(2, 8, 4, 5, dtype=torch.float64)
    output, _ = model.recurrent(x_STBI)
    expected = torch.einsum("sbh,shc->sbc", output[:, -1], model.readout_SHC)
    torch.testing.assert_close(model(x_STBI), expected + model.bias_SC[:, None])


def test_the_loss_of_a_seed_is_torchs_cross_entropy() -> None:
    scores_SBC, target_SB = torch.randn(2, 6, 3), torch.randint(3, (2, 6))
    ours = cross_entropy_by_seed(scores_SBC, target_SB)
    for seed in range(2):
        theirs = torch.nn.functional.cross_entropy(scores_SBC[seed], target_SB[seed])
        torch.testing.assert_close(ours[seed], theirs)


def test_no_step_is_taken_before_it_is_asked_for() -> None:
    model, losses = trained(range(1), steps=0)
    assert losses == []
    assert (model.bias_SC == 0).all()


def line(steps: int, **options: object) -> tuple[Trainer, nn.Parameter]:
    """A loss whose gradient is known: 3 w₁ + 4 w₂, with the step's number as a factor."""
    w = nn.Parameter(torch.zeros(2))

    def loss_of_step(step: int) -> Tensor:
        return (w * torch.tensor([3.0, 4.0])).sum() * step

    return Trainer([w], loss_of_step, steps=steps, learning_rate=0.1, **options), w


def test_the_norm_is_that_of_the_whole_gradient_before_clipping() -> None:
    trainer, w = line(3, clip=1.0)
    assert [float(step.norms_S) for step in trainer] == [5.0, 10.0, 15.0]
    torch.testing.assert_close(w.grad, torch.tensor([0.6, 0.8]))


def test_a_gradient_below_the_limit_is_left_alone() -> None:
    trainer, w = line(1, clip=100.0)
    trainer.advance()
    assert w.grad.tolist() == [3.0, 4.0]


def test_networks_side_by_side_are_clipped_one_by_one() -> None:
    first, second = nn.Parameter(torch.zeros(2, 2)), nn.Parameter(torch.zeros(2, 1))
    first.grad, second.grad = torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.tensor([[2.0], [0.5]])
    norms_S = gradient_norms([first, second], 2)
    assert norms_S.tolist() == [3.0, 0.5]
    scale_gradients([first, second], (1.0 / norms_S).clamp(max=1.0), 2)
    torch.testing.assert_close(first.grad, torch.tensor([[1 / 3, 2 / 3], [0.0, 0.0]]))
    torch.testing.assert_close(second.grad, torch.tensor([[2 / 3], [0.5]]))


def test_the_cosine_falls_from_the_rate_to_zero() -> None:
    trainer, _ = line(10, schedule="cosine")
    assert trainer.rate_of(1) == 0.1
    assert trainer.rate_of(6) == pytest.approx(0.05)
    assert trainer.rate_of(11) == pytest.approx(0.0)


def test_training_that_goes_on_from_a_saved_state_ends_the_same() -> None:
    whole, w = line(8, clip=20.0, schedule="cosine")
    for _ in whole:
        pass
    first, half = line(8, clip=20.0, schedule="cosine")
    for _ in range(3):
        first.advance()
    second, rest = line(8, clip=20.0, schedule="cosine")
    rest.data.copy_(half.data)
    second.load(first.state())
    assert [step.step for step in second] == [4, 5, 6, 7, 8]
    assert torch.equal(rest, w)


def test_scores_of_the_last_steps_end_with_those_of_the_last() -> None:
    generators = [torch.Generator().manual_seed(seed) for seed in range(2)]
    recurrent = Recurrent(
        Architecture(cell="gru"), 3, implementation="equations", generators=generators
    )
    model, x_STBI = LastStepClassifier(recurrent, 4, generators), torch.randn(2, 7, 5, 3)
    scores_SABC = model.over_last(x_STBI, 7)
    assert scores_SABC.shape == (2, 7, 5, 4)
    torch.testing.assert_close(scores_SABC[:, -1], model(x_STBI))
    torch.testing.assert_close(scores_SABC[:, -3:], model.over_last(x_STBI, 3))
    torch.testing.assert_close(scores_SABC[:, 2], model(x_STBI[:, :3]))


def test_the_loss_over_several_steps_is_the_mean_of_all_of_them() -> None:
    scores_SABC, target_SAB = torch.randn(2, 4, 6, 3), torch.randint(3, (2, 4, 6))
    ours = cross_entropy_by_seed(scores_SABC, target_SAB)
    each = [cross_entropy_by_seed(scores_SABC[:, a], target_SAB[:, a]) for a in range(4)]
    torch.testing.assert_close(ours, torch.stack(each).mean(0))


def test_networks_that_stay_train_on_as_if_the_others_were_still_there() -> None:
    goal_SN = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])

    def trainer(w: nn.Parameter, staying: list[int]) -> Trainer:
        return Trainer(
            [w],
            lambda _: (w - goal_SN[staying if len(w) < 3 else slice(None)]).square().sum(1),
            steps=9,
            learning_rate=0.1,
            clip=0.5,
            seeds=3,
        )

    whole, some = nn.Parameter(torch.zeros(3, 2)), nn.Parameter(torch.zeros(3, 2))
    everyone, narrowed = trainer(whole, []), trainer(some, [0, 2])
    for _ in range(4):
        everyone.advance()
        narrowed.advance()
    narrowed.narrow([0, 2])
    for _ in range(5):
        everyone.advance()
        narrowed.advance()
    assert torch.equal(some, whole[[0, 2]])


def test_a_norm_does_not_depend_on_how_many_networks_are_beside_it() -> None:
    """To the last bit: else a seed alone would train differently from the seed among others."""
    for count in range(2, 9):
        gradients = [torch.rand(count, 3 * count + n) for n in range(6)]
        parameters = [nn.Parameter(torch.zeros_like(g)) for g in gradients]
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        together_S = gradient_norms(parameters, count)
        for seed in range(count):
            alone = [nn.Parameter(torch.zeros_like(g[:1])) for g in gradients]
            for parameter, gradient in zip(alone, gradients, strict=True):
                parameter.grad = gradient[seed : seed + 1].clone()
            assert torch.equal(gradient_norms(alone, 1), together_S[seed : seed + 1])


def test_evenly_spaced_steps_end_with_the_last_and_never_repeat() -> None:
    assert evenly_spaced(30, 6) == {5, 10, 15, 20, 25, 30}
    assert evenly_spaced(2, 6) == {1, 2}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic clock of `core.training`, moved by hand."""
    now = [1000.0]
    monkeypatch.setattr("core.training.time.monotonic", lambda: now[0])
    return now


def test_a_throttle_is_due_at_once_and_then_after_its_seconds(clock: list[float]) -> None:
    throttle = Throttle(2.0)
    assert [throttle.due(), throttle.due()] == [True, False]
    clock[0] += 2.5
    assert throttle.due()
    clock[0] += 2.5
    throttle.restart()
    assert not throttle.due()


def test_slow_checkpoints_come_less_often(clock: list[float]) -> None:
    checkpointer = Checkpointer(seconds=5.0, share=0.02)

    def save() -> bytes:
        clock[0] += 1.0
        return b"state"

    assert list(checkpointer.events(save)) == []
    clock[0] += 6.0
    assert list(checkpointer.events(save)) == [Checkpoint(b"state")]
    clock[0] += 49.0
    assert not checkpointer.due()
    clock[0] += 2.0
    assert checkpointer.due()


def test_the_time_that_recording_a_checkpoint_takes_counts_too(clock: list[float]) -> None:
    checkpointer = Checkpointer(seconds=5.0, share=0.5)
    clock[0] += 6.0
    for _ in checkpointer.events(lambda: b""):
        clock[0] += 10.0
    clock[0] += 19.0
    assert not checkpointer.due()
