"""What each command does. Standard output carries data, standard error everything else."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from core.architecture import VARIANTS, variant_title
from core.claims import compute_all
from core.experiment import Config, Experiment
from core.experiments import EXPERIMENTS, experiment_named
from core.experiments.parameter_count import PARAMETER_COUNT
from core.names import among
from core.parameters import count_parameters
from core.settings import BadSetting
from core.tracking import STATUSES, RunRecord, Store, open_store
from core.words import counted
from experiments import chapter_report, queue
from experiments import serve as services
from experiments.export import FORMATS, tidy
from experiments.progress import run_here, see_through
from experiments.report import OUT, as_data, declaration, deliver, report, say, shown
from experiments.suites import SUITES, suite_named
from experiments.worker import Worker, WorkerRunning, worker_status

NOTE_LETTERS = 300
"""Of a note or an error, in the list of runs."""
Command = Callable[[argparse.Namespace], int]


def list_all(chosen: argparse.Namespace) -> int:
    """`list`."""
    if chosen.json:
        print(json.dumps([declaration(e) for e in EXPERIMENTS], indent=2, ensure_ascii=False))
        return 0
    for experiment in EXPERIMENTS:
        table = Table("setting", "default", "allowed", "what it is", title_justify="left")
        table.title = f"{experiment.name}: {experiment.question}"
        for setting in experiment.settings:
            cells = f" ({', '.join(setting.cells)} only)" if setting.cells else ""
            about = setting.description + cells
            table.add_row(setting.name, shown(setting.default), setting.allowed, about)
        OUT.print(table)
        OUT.print(f"tables: {', '.join(row.table for row in experiment.rows)}")
        OUT.print(f"presets: {', '.join(experiment.presets) or 'none'}\n")
    for suite in SUITES:
        OUT.print(f"suite {suite.name}: {suite.description} {len(suite.configs())} runs.")
    return 0


def run(chosen: argparse.Namespace) -> int:
    """`run`: in this process, one after the other."""
    experiment, configs = configs_of(chosen)
    store = open_store()
    sweep = queue.new_sweep(experiment.name)
    records = run_here(store, [(experiment, config, sweep) for config in configs])
    report(store, experiment, records, as_json=chosen.json)
    return 0 if len(records) == len(configs) and _all_finished(records) else 1


def submit(chosen: argparse.Namespace) -> int:
    """`submit`: for the worker."""
    experiment, configs = configs_of(chosen)
    store = open_store()
    _print_queued(store, queue.submit(store, experiment, configs), as_json=chosen.json)
    return 0


def suite(chosen: argparse.Namespace) -> int:
    """`suite`: all of it, or what is missing of it."""
    named = suite_named(chosen.name)
    store = open_store()
    if chosen.queue:
        _print_queued(store, queue.submit_suite(store, named), as_json=chosen.json)
        return 0
    wanted = queue.missing(store, named)
    if wanted.done:
        whole = wanted.done + len(wanted.waiting) + len(wanted.plan)
        say(f"{wanted.done} of {whole} runs are recorded already and are not repeated")
    run_ids = queue.submit_missing(store, wanted)
    records = see_through(store, run_ids)
    if len(records) < len(run_ids):
        rest = counted(len(run_ids) - len(records), "run")
        say(f"{rest} still queued: python -m experiments suite {named.name} goes on with them")
    if chosen.json and not records:
        print("[]")
    for experiment in EXPERIMENTS:
        mine = [record for record in records if record.experiment == experiment.name]
        if mine:
            report(store, experiment, mine, as_json=chosen.json)
    return 0 if len(records) == len(run_ids) and _all_finished(records) else 1


def worker(chosen: argparse.Namespace) -> int:
    """`worker`."""
    store = open_store()
    try:
        Worker(store, lambda text: say(f"{time.strftime('%H:%M:%S')} {text}")).serve(
            chosen.exit_when_idle
        )
    except WorkerRunning as error:
        say(f"error: {error}")
        return 1
    return 0


def runs(chosen: argparse.Namespace) -> int:
    """`runs`."""
    if chosen.experiment:
        experiment_named(chosen.experiment)
    if chosen.status and chosen.status.upper() not in STATUSES:
        raise BadSetting(f"status is {chosen.status!r}; choose from {', '.join(STATUSES)}")
    store = open_store()
    status = chosen.status.upper() if chosen.status else None
    records = store.runs(chosen.experiment, status)
    if chosen.json:
        print(json.dumps([as_data(record) for record in records], ensure_ascii=False))
        return 0
    if not records:
        if chosen.experiment or chosen.status:
            say("No run fits; python -m experiments runs lists them all.")
        else:
            say("No run is recorded yet; python -m experiments suite first-look makes the first.")
        return 0
    table = Table("run", "experiment", "name", "status", "submitted", "seconds", "result")
    for record in records:
        seconds = "" if record.seconds is None else f"{record.seconds:.1f}"
        submitted = time.strftime("%Y-%m-%d %H:%M", time.localtime(record.submitted))
        status_text = record.status.lower()
        if record.status == "RUNNING":
            status_text += f" {100 * record.state.get('fraction', 0):.0f}%"
        name = among(record.name)
        cells = (record.run_id[:8], record.experiment, name, status_text, submitted, seconds)
        table.add_row(*map(escape, (*cells, among(record.error or record.note, NOTE_LETTERS))))
    OUT.print(table)
    return 0


def cancel(chosen: argparse.Namespace) -> int:
    """`cancel RUN`."""
    say(queue.cancel(open_store(), chosen.run))
    return 0


def retry(chosen: argparse.Namespace) -> int:
    """`retry RUN`."""
    store = open_store()
    _print_queued(store, [queue.retry(store, chosen.run)], as_json=False)
    return 0


def export(chosen: argparse.Namespace) -> int:
    """`export EXPERIMENT`."""
    experiment = experiment_named(chosen.experiment)
    row = experiment.row(chosen.table) if chosen.table else experiment.summary
    if chosen.format not in FORMATS:
        raise BadSetting(f"format is {chosen.format!r}; choose from {', '.join(FORMATS)}")
    store = open_store()
    if chosen.runs:
        records = queue.find_all(store, chosen.runs.split(","))
        for record in records:
            if record.experiment != experiment.name:
                raise BadSetting(f"runs has {record.name!r}, which is of {record.experiment}")
    else:
        records = store.runs(experiment.name, "FINISHED")
    frame = tidy(store, records, row.table)
    if not len(frame):
        say(f"No finished run of {experiment.name} has a row of {row.table} yet.")
        return 0
    sys.stdout.buffer.write(FORMATS[chosen.format](frame))
    sys.stdout.buffer.flush()
    return 0


def chapter(chosen: argparse.Namespace) -> int:
    """`report`: the chapter's claims as one file."""
    store = open_store()
    page = chapter_report.report(store, compute_all())
    deliver(page.encode(), chosen.output)
    return 0


def match(chosen: argparse.Namespace) -> int:
    """`match BUDGET`."""
    asked = {
        "parameter_budget": [chosen.budget],
        "input_size": [chosen.input_size],
        "layers": [chosen.layers],
    }
    found = {
        config.architecture.variant: (
            config.architecture.hidden_size,
            count_parameters(config.architecture, config.features).core,
            config.parameter_budget or 0,
        )
        for config in PARAMETER_COUNT.configs(list(VARIANTS), asked)
    }
    if chosen.json:
        names = ("hidden_size", "parameters", "parameter_budget")
        print(json.dumps({v: dict(zip(names, n, strict=True)) for v, n in found.items()}))
        return 0
    table = Table("variant", "hidden size", "recurrent parameters", "off the budget by")
    for variant, (width, parameters, budget) in found.items():
        off = f"{100 * (parameters / budget - 1):+.2f}%"
        table.add_row(variant_title(variant), f"{width:,}", f"{parameters:,}", off)
    OUT.print(table)
    return 0


def serve(chosen: argparse.Namespace) -> int:
    """`serve`."""
    return services.serve(open_store(), say, chosen.dashboard_port, chosen.mlflow_port)


def mlflow(chosen: argparse.Namespace) -> int:
    """`mlflow`."""
    services.run_mlflow(open_store(), chosen.mlflow_port)


def configs_of(chosen: argparse.Namespace) -> tuple[Experiment, list[Config]]:
    """The experiment and the configs that the flags describe."""
    experiment = experiment_named(chosen.experiment)
    given: dict[str, Sequence[Any]] = {}
    for setting in experiment.settings:
        text = getattr(chosen, setting.name, None)
        if text is not None:
            _refuse_thousands(setting.name, text)
            given[setting.name] = [
                None if setting.optional and part == "none" else part for part in text.split(",")
            ]
    variants = [variant.strip() for variant in chosen.variants.split(",")]
    return experiment, experiment.configs(variants, given, getattr(chosen, "preset", ""))


def _refuse_thousands(name: str, text: str) -> None:
    """1,234,567 is one number to people and three values to a flag."""
    if name == "parameter_budget" and re.fullmatch(r"\d{1,3}(,\d{3})+", text):
        plain = text.replace(",", "")
        raise BadSetting(
            f"{name} is {text!r}, but here a comma separates values; give {plain}, or 100k,1M"
        )


def _print_queued(store: Store, run_ids: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(list(run_ids)))
    else:
        for run_id in run_ids:
            print(run_id)
    say(f"{counted(len(run_ids), 'run')} queued")
    if worker_status(store) is None:
        say("No worker is running here: python -m experiments worker (or make run) starts one.")


def _all_finished(records: Sequence[RunRecord]) -> bool:
    return all(record.status == "FINISHED" for record in records)
