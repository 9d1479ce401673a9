"""On which machine a run was measured, and which runs of other machines belong beside it.

A machine is a device with its chip, which is what a label can say: two computers with the same
chip are one machine here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from core.experiment import Experiment
from core.names import among
from core.settings import Setting, settings_of
from core.tracking import RunRecord

MEASURED_WHERE = ("device", "chip")
"""Tags of a run."""
ACCELERATORS = ("cuda", "mps")
CHIP_NOISE = re.compile(r"\((R|TM|C)\)|\bCPU\b|\bProcessor\b|@.*$", re.IGNORECASE)
"""Letters of a processor's name that tell nothing apart."""
LETTERS = 48
"""Of a device or a chip: they are tags of a run, which people can set too."""
NOT_SHAPE = ("cell", "bidirectional", "seed", "device", "threads")
"""Settings in which one launch differs from the same launch on another machine."""


def machine_of(run: RunRecord) -> tuple[str, str]:
    """(device, chip), empty where the run does not say."""
    device, chip = (run.tags.get(name, "") for name in MEASURED_WHERE)
    return among(device, LETTERS), among(CHIP_NOISE.sub(" ", chip), LETTERS)


def in_words(machine: tuple[str, str]) -> str:
    """`cuda, NVIDIA H100`."""
    return ", ".join(filter(None, machine))


def told_apart(runs: Sequence[RunRecord]) -> dict[str, str]:
    """Run id → what tells its machine from the others': device, chip or both; empty for one.

    A run that still waits has none yet, and tells nobody apart.
    """
    devices = {machine_of(run)[0] for run in runs} - {""}
    chips = {machine_of(run)[1] for run in runs} - {""}
    told = {}
    for run in runs:
        device, chip = machine_of(run)
        told[run.run_id] = in_words(
            (device if len(devices) > 1 else "", chip if len(chips) > 1 else "")
        )
    return told


def elsewhere(
    experiment: Experiment, chosen: Sequence[RunRecord], runs: Sequence[RunRecord]
) -> list[RunRecord]:
    """The same launch on other machines: of each, the newest comparison of the same settings.

    The same settings are all but seed, device, threads and what only some cells have; variants may
    be others. Runs with other settings are not added by themselves, but can be chosen by hand.
    """
    settings = [s for s in settings_of(experiment.config) if not s.cells]
    shapes = {_shape(settings, run) for run in chosen}
    newest: dict[tuple[str, str], str] = {machine_of(run): "" for run in chosen}
    found: list[RunRecord] = []
    for run in sorted(runs, key=lambda r: r.submitted, reverse=True):
        if run.status != "FINISHED" or _shape(settings, run) not in shapes:
            continue
        name = run.sweep or run.run_id
        if newest.setdefault(machine_of(run), name) == name:
            found.append(run)
    return found[::-1]


def without_accelerator(runs: Iterable[RunRecord]) -> bool:
    """Whether no finished run was measured on a GPU."""
    return all(machine_of(r)[0] not in ACCELERATORS for r in runs if r.status == "FINISHED")


def _shape(settings: Sequence[Setting], run: RunRecord) -> tuple[object, ...]:
    budget = run.settings.get("parameter_budget") is not None
    apart = (*NOT_SHAPE, "hidden_size") if budget else NOT_SHAPE  # a budget decides the width
    return tuple(run.settings.get(s.name, s.default) for s in settings if s.name not in apart)
