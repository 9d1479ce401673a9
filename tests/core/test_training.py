"""Training many seeds at once is training each of them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from core.architecture import Architecture
from core.models.recurrent import Recurrent
from core.tasks.recall import Recall, SeededRecall
from core.training import LastStepClassifier, cross_entropy_by_seed, train

TASK = Recall(sequence_length=8, shortest_lag=0, longest_lag=3, symbols=3, noises=2)


def trained(
    seeds: range, steps: int, *, cell: str = "gru", learning_rate: float = 0.01
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

    def losses_of_step() -> Tensor:
        x_STBI, target_SB = recall.draw(16)
        return cross_entropy_by_seed(model(x_STBI), target_SB)

    run = train(list(model.parameters()), losses_of_step, steps=steps, learning_rate=learning_rate)
    return model, [losses_S for _, losses_S in run]


def test_a_seed_trains_the_same_alone_and_among_others() -> None:
    together, losses = trained(range(4), steps=5)
    alone, own_losses = trained(range(2, 3), steps=5)
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
