"""The attacks in short; `make faults` has them in full."""

from __future__ import annotations

import pytest

from tests.faults import addresses, damage, hostile, kills, swarm


def harmless(lines: object) -> str:
    *harm, summary = lines
    assert harm == [], summary
    return str(summary)


VICTIMS = ("child", "worker", "fork server")


@pytest.mark.slow
def test_a_worker_that_is_shot_loses_nothing() -> None:
    assert "FINISHED" in harmless(kills.kills(1, seed=5, runs=2, victims=["worker"]))


@pytest.mark.slow
def test_a_queue_that_is_shot_at_loses_nothing() -> None:
    assert "FINISHED" in harmless(kills.kills(2, seed=5, stopped=1.0, runs=4, victims=VICTIMS))


@pytest.mark.slow
def test_power_cuts_cost_nothing_that_was_shown() -> None:
    harmless(kills.power_cuts(4, seed=1))


@pytest.mark.slow
def test_misbehaviour_ends_as_documented() -> None:
    harmless(hostile.misbehaviours())


@pytest.mark.slow
@pytest.mark.parametrize("attack", [damage.edited, damage.deleted, damage.full_disk, damage.jumps])
def test_damage_harms_nothing_else(attack) -> None:
    harmless(attack())


@pytest.mark.slow
def test_a_store_that_is_locked_for_a_while_ends_no_run() -> None:
    harmless(damage.locked(30.0))


@pytest.mark.slow
def test_no_address_breaks_a_page() -> None:
    harmless(addresses.addresses(100, seed=1))


@pytest.mark.slow
def test_a_swarm_ends_and_the_dashboard_stays_small() -> None:
    harmless(swarm.swarm(40))
    harmless(swarm.page_loads(60))
