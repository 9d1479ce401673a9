"""`mlflow run . -e gradient-decay -P cell=lstm`, for every experiment."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow.projects._project_spec import load_project

from core.experiment import Experiment
from core.experiments import all_experiments
from core.models.registry import usual_variants
from core.store.folder import PROJECT
from core.store.tracking import open_store
from experiments.cli import parse
from experiments.commands import configs_of


def test_every_experiment_is_an_entry_point_and_nothing_else_is() -> None:
    names = [experiment.name for experiment in all_experiments()]
    assert sorted(load_project(str(PROJECT))._entry_points) == sorted(names)


@pytest.mark.parametrize("experiment", all_experiments(), ids=lambda e: e.name)
def test_an_entry_point_runs_what_the_command_line_runs(
    experiment: Experiment, tmp_path: Path
) -> None:
    entry = load_project(str(PROJECT)).get_entry_point(experiment.name)
    command = shlex.split(entry.compute_command({"cell": "lstm", "device": "cpu"}, str(tmp_path)))
    assert command[:3] == ["python", "-m", "experiments"]
    found, configs = configs_of(parse(command[3:]))
    assert found is experiment
    assert {config.architecture.cell for config in configs} == {"lstm"}
    default = shlex.split(entry.compute_command({}, str(tmp_path)))
    assert parse(default[3:]).variants == ",".join(usual_variants())


@pytest.mark.slow
def test_mlflow_runs_the_project(store_uri: str) -> None:
    command = [sys.executable, "-m", "mlflow", "run", str(PROJECT), "-e", "parameter-count"]
    command += ["-P", "cell=lstm", "-P", "hidden-size=16", "--env-manager=local"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "MLFLOW_TRACKING_URI": store_uri}
    subprocess.run(command, env=env, check=True, capture_output=True)
    runs = open_store(store_uri).runs()
    assert [(run.status, run.settings["hidden_size"]) for run in runs] == [("FINISHED", 16)]
