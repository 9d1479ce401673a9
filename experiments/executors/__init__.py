"""Where a worker's runs are executed: on this machine, or on a Ray cluster."""

from __future__ import annotations

import os

from core.settings import BadSetting
from core.store.tracking import Store
from experiments.executors.base import Executor
from experiments.executors.local import LocalExecutor

EXECUTOR_VARIABLE = "UNROLL_EXECUTOR"


def executor_for(store: Store) -> Executor:
    """The executor that `UNROLL_EXECUTOR` chooses; `BadSetting` if that cannot be."""
    choice = os.environ.get(EXECUTOR_VARIABLE, "").strip() or "local"
    if choice == "local":
        return LocalExecutor(store)
    if choice != "ray":
        raise BadSetting(f"{EXECUTOR_VARIABLE} is {choice!r}; choose local or ray")
    try:
        from experiments.executors.ray import RayExecutor
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise BadSetting(
            f"{EXECUTOR_VARIABLE} is ray, which is not installed here; "
            "pip install -r requirements-cluster.txt installs it"
        ) from None
    return RayExecutor(store)
