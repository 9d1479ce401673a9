"""What each command of `python -m experiments` does. A command returns its exit status."""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas
from rich.table import Table

from core.analysis import comparison
from core.analysis.across import Pivot, axes, axis_of, pivot
from core.analysis.comparison import Comparison
from core.analysis.more_seeds import (
    fewest_seeds,
    looks_at,
    planned_looks,
    require_here,
    seeds_to_add,
    undecided,
    with_more_seeds,
)
from core.analysis.search import parse
from core.analysis.sentences import answer
from core.analysis.sizes import size_of, sizes_in_words
from core.analysis.sweeps import headline
from core.analysis.sweeps import sweeps as group_by_sweep
from core.chapter import compute_all
from core.experiment import BUDGETS, Config, Experiment
from core.experiments import all_experiments, experiment_named
from core.experiments.parameter_count import PARAMETER_COUNT
from core.formatting import counted, inline_text, listed
from core.measure.scoring import Options, Scores, score_texts
from core.models.architecture import variant_title
from core.models.registry import full_variant, usual_variants
from core.papers import PAPERS
from core.settings import BadSetting, parse_values
from core.store.folder import StoreError
from core.store.records import RunRecord
from core.store.tracking import Store, open_store
from experiments import cells, housekeeping, logs, queue, scoring
from experiments import export as files
from experiments.evidence import ClaimStatus, Evidence, needed_by
from experiments.hosting import TEAM_FOLDER, serve_team
from experiments.progress import progress_bar, run_here, wait_for_runs
from experiments.reports.html import (
    chapter_report,
    comparison_report,
    papers_report,
    score_report,
)
from experiments.reports.latex import comparison_tables, pivot_table
from experiments.serve import run_mlflow, serve_all
from experiments.suites import SUITES, headline_rank, suite_named
from experiments.terminal import (
    OUT,
    print_comparison,
    print_experiment,
    print_papers,
    print_pivot,
    print_results,
    print_runs,
    print_scores,
    say,
    write,
)
from experiments.worker import Worker, WorkerRunning, worker_status

Command = Callable[[argparse.Namespace], int]

COMPARE_FORMATS: Mapping[str, Callable[[Sequence[Comparison]], bytes]] = {
    "csv": files.csv,
    "json": files.as_json,
    "latex": comparison_tables,
    "html": lambda comparisons: comparison_report(comparisons).encode(),
}
"""The formats of a comparison besides `table`, which is for a terminal."""

PIVOT_FORMATS: Mapping[str, Callable[[Pivot], bytes]] = {
    "table": lambda _: b"",
    "csv": files.pivot_csv,
    "latex": lambda pivot: pivot_table(pivot).encode(),
}
"""The formats of one measure by two settings."""

SCORE_FORMATS: Mapping[str, Callable[[Scores], bytes]] = {
    "csv": scoring.csv,
    "json": scoring.as_json,
    "latex": scoring.latex,
    "html": lambda scores: score_report(scores).encode(),
}


PAPERS_FORMATS: Mapping[str, Callable[[ClaimStatus], bytes]] = {
    "json": files.papers_as_json,
    "html": lambda judged: papers_report(judged).encode(),
}


def list_all(args: argparse.Namespace) -> int:
    """`list`: print the experiments and the suites."""
    if args.json:
        content = [files.experiment_data(experiment) for experiment in all_experiments()]
        print(json.dumps(content, indent=2, ensure_ascii=False))
        return 0
    for experiment in all_experiments():
        print_experiment(experiment)
    for suite in SUITES:
        OUT.print(f"suite {suite.name}: {suite.description} {len(suite.configs())} runs.")
    return 0


def run(args: argparse.Namespace) -> int:
    """`run`: make runs in this process, one after the other."""
    experiment, configs = configs_of(args)
    tags = queue.name_tags(args.name)
    store = open_store()
    sweep = queue.new_sweep(experiment.name)
    records = run_here(store, [(experiment, config, sweep) for config in configs], tags)
    return _report(store, records, len(configs), as_json=args.json)


def submit(args: argparse.Namespace) -> int:
    """`submit`: queue runs for the worker."""
    experiment, configs = configs_of(args)
    store = open_store()
    if args.skip_made:
        plan = [(experiment, config) for config in configs]
        equal = queue.equal_runs(store.runs(experiment.name), plan)
        say(f"{sum(map(bool, equal))} of {counted(len(configs), 'run')} exist already")
        configs = [config for config, run in zip(configs, equal, strict=True) if run is None]
    run_ids = queue.submit(store, experiment, configs, name=args.name)
    return print_queued(store, run_ids, as_json=args.json)


def sweep(args: argparse.Namespace) -> int:
    """`sweep`: make every combination of the values given, but for those that are made already."""
    experiment, configs = configs_of(args)
    store = open_store()
    if args.again:
        made: list[RunRecord | None] = [None] * len(configs)
    else:
        made = queue.equal_runs(store.runs(experiment.name), [(experiment, c) for c in configs])
    sweep_id = queue.new_sweep(experiment.name)
    pairs = list(zip(configs, made, strict=True))
    missing = queue.Missing(
        plan=tuple((experiment, config, sweep_id) for config, run in pairs if run is None),
        waiting=tuple(run.run_id for _, run in pairs if run and run.status != "FINISHED"),
        done=sum(run is not None and run.status == "FINISHED" for run in made),
        name=args.name,
    )
    again = "the same command without --again" if args.again else "the same command"
    return _make(store, missing, again, as_json=args.json)


def suite(args: argparse.Namespace) -> int:
    """`suite`: make the runs of a suite, or queue all of them."""
    named = suite_named(args.name)
    store = open_store()
    if args.queue:
        return print_queued(store, queue.submit_suite(store, named), as_json=args.json)
    again = f"python -m experiments suite {named.name}"
    return _make(store, queue.missing(store, named), again, as_json=args.json)


def _make(store: Store, missing: queue.Missing, again: str, *, as_json: bool) -> int:
    """Make what is missing, and show the results; the command `again` goes on with the rest."""
    if missing.done:
        total = missing.done + len(missing.waiting) + len(missing.plan)
        say(f"{missing.done} of {total} runs are recorded already and are not repeated")
    run_ids = queue.submit_missing(store, missing)
    records, deleted = wait_for_runs(store, run_ids)
    rest = len(run_ids) - len(records) - len(deleted)
    if rest:
        say(f"{counted(rest, 'run')} still queued: {again} goes on with them")
    return _report(store, records, len(run_ids), as_json=as_json)


def _report(store: Store, records: Sequence[RunRecord], expected: int, *, as_json: bool) -> int:
    """Show the results of runs, experiment by experiment; failures go to standard error."""
    for experiment in all_experiments():
        mine = [record for record in records if record.experiment == experiment.name]
        for record in mine:
            if record.status != "FINISHED":
                say(f"{inline_text(record.name)}: {record.status}: {record.error}")
        if mine and as_json:
            print(json.dumps([files.run_data(r) for r in mine], ensure_ascii=False))
        elif mine:
            print_results(store, experiment, mine)
    if as_json and not records:
        print("[]")
    finished = [record for record in records if record.status == "FINISHED"]
    return 0 if len(finished) == expected else 1


def print_queued(store: Store, run_ids: Sequence[str], *, as_json: bool) -> int:
    for line in [json.dumps(list(run_ids))] if as_json else run_ids:
        print(line)
    say(f"{counted(len(run_ids), 'run')} queued")
    if worker_status(store) is None:
        say("No worker is running here: python -m experiments worker (or make run) starts one.")
    return 0


def configs_of(args: argparse.Namespace) -> tuple[Experiment, list[Config]]:
    """The experiment and the configs that the flags of `run` and `submit` describe."""
    experiment = experiment_named(args.experiment)
    given: dict[str, Sequence[Any]] = {}
    for setting in experiment.settings:
        text = getattr(args, setting.name, None)
        if text is None:
            continue
        if setting.name in BUDGETS and re.fullmatch(r"\d{1,3}(,\d{3})+", text):
            # 1,234,567 is one number to people and three values to a flag.
            plain = text.replace(",", "")
            raise BadSetting(
                f"{setting.name} is {text!r}, but here a comma separates values; give {plain}, "
                "or 100k,1M"
            )
        # A text is one value: a file may have commas in its name.
        one = str in setting.types and not setting.choices
        given[setting.name] = [text] if one else parse_values(setting, text)
    variants = [variant.strip() for variant in args.variants.split(",")]
    added = [cells.add(Path(file)).name for file in args.cell_file]
    named = {full_variant(variant) for variant in variants}
    variants += [name for name in added if not {name, f"bi-{name}"} & named]
    return experiment, experiment.configs(variants, given, getattr(args, "preset", ""))


def worker(args: argparse.Namespace) -> int:
    """`worker`: take runs off the queue."""
    logs.set_up("worker")
    store = open_store()
    try:
        Worker(store, logs.log).serve(args.exit_when_idle)
    except WorkerRunning as error:
        logs.log.error(f"error: {error}")
        return 1
    return 0


def runs(args: argparse.Namespace) -> int:
    """`runs`: print the recorded runs, or some of them."""
    query = parse(args.search)
    store = open_store()
    with contextlib.suppress(BadSetting, StoreError):  # to list runs takes no right to end one
        queue.end_gone(store, store.runs(status="RUNNING"))
    every = store.runs(args.experiment, args.status, deleted=args.deleted, unreadable=True)
    records = query.find([record for record in every if not record.unreadable])
    unreadable = [record for record in every if record.unreadable]
    if args.json:
        print(json.dumps([files.run_data(record) for record in records], ensure_ascii=False))
    elif records:
        print_runs(records)
    elif args.experiment or args.status or args.search or args.deleted:
        say("No run matches; python -m experiments runs lists them all.")
    else:
        say("No run is recorded yet; python -m experiments suite first-look makes the first.")
    for record in unreadable:
        name = f"{record.experiment} · {inline_text(record.name)}"
        say(f"run {record.run_id[:8]} ({name}) cannot be read: {record.unreadable}")
    return 0


def cancel(args: argparse.Namespace) -> int:
    """`cancel RUN…`: stop queued or running runs, or those of a sweep."""
    store = open_store()
    if args.sweep is None:
        if not args.runs:
            raise BadSetting("runs is empty; name runs, or give --sweep")
        for record in queue.find_all(store, args.runs):
            say(queue.cancel(store, record.run_id))
        return 0
    active = store.active()
    runs = [run for run in active if args.sweep in (run.sweep, run.sweep_name)]
    if not runs:
        known = ", ".join(dict.fromkeys(repr(run.sweep_name) for run in active)) or "none"
        raise BadSetting(f"sweep is {args.sweep!r}; of the active runs there is {known}")
    say(queue.cancel_all(store, runs))
    return 0


def retry(args: argparse.Namespace) -> int:
    """`retry RUN…`: queue ended runs again, or what failed of a sweep."""
    store = open_store()
    if bool(args.runs) == bool(args.sweep):
        raise BadSetting("runs is empty; name runs or give --sweep, one of both")
    if not args.sweep:
        ids = [record.run_id for record in queue.find_all(store, args.runs)]
        return print_queued(store, [queue.retry(store, i) for i in ids], as_json=False)
    runs = [run for run in store.runs() if args.sweep in (run.sweep, run.sweep_name)]
    if not runs:
        raise BadSetting(f"sweep is {args.sweep!r}, but the store has no such sweep")
    return print_queued(store, queue.retry_failed(store, runs), as_json=False)


def edit(args: argparse.Namespace) -> int:
    """`edit RUN…`: name, star, archive, comment, tag, delete or restore runs, or a whole sweep."""
    tags = housekeeping.parse_tags(args.tag) | dict.fromkeys(args.untag, "")
    wanted = housekeeping.edit_of(
        name=args.name,
        sweep_name=args.sweep_name,
        comment=args.comment,
        star=args.star,
        pin=args.pin,
        archive=args.archive,
        delete=args.delete,
        tags=tags,
    )
    if wanted == housekeeping.Edit():
        raise BadSetting(f"edit is empty; give one of {', '.join(args.parser.flags()[1:-1])}")
    if bool(args.runs) == bool(args.sweep):
        raise BadSetting("runs is empty; name runs or give --sweep, one of both")
    if args.pin is not None and not args.sweep:
        raise BadSetting("pin is given for single runs; give the sweep by --sweep")
    if args.sweep_name is not None and not args.sweep:
        raise BadSetting("sweep_name is given for single runs; give the sweep by --sweep")
    store, restoring = open_store(), args.delete is False
    if args.sweep:
        selected = housekeeping.members(store.runs(deleted=restoring), args.sweep)
    else:
        selected = queue.find_all(store, args.runs, deleted=restoring)
    housekeeping.apply(store, {run.run_id: wanted for run in selected})
    if args.json:
        edited = [files.run_data(store.run(run.run_id)) for run in selected]
        print(json.dumps(edited, ensure_ascii=False))
    say(f"{counted(len(selected), 'run')} {'deleted' if args.delete else 'edited'}")
    if args.delete:
        words = f"--sweep {shlex.quote(args.sweep)}" if args.sweep else " ".join(args.runs)
        say(f"python -m experiments edit {words} --restore brings them back")
    return 0


def export(args: argparse.Namespace) -> int:
    """`export`: write rows of finished runs."""
    experiment = experiment_named(args.experiment)
    row = experiment.row(args.table) if args.table else experiment.summary
    store = open_store()
    if args.runs:
        records = queue.find_all(store, args.runs.split(","))
        for record in records:
            _require_experiment(record, experiment.name)
    else:
        records = store.runs(experiment.name, "FINISHED", archived=False)
    frame = files.tidy(store, records, row.table)
    if len(frame):
        write(files.EXPORT_FORMATS[args.format](frame), None)
    else:
        say(f"No finished run of {experiment.name} has a row of {row.table} yet.")
    return 0


def _require_experiment(run: RunRecord, name: str) -> None:
    if run.experiment != name:
        raise BadSetting(
            f"runs has {inline_text(run.name)!r}, which is of {run.experiment}; give runs of {name}"
        )


def compare(args: argparse.Namespace) -> int:
    """`compare`: compare finished runs, one comparison for each experiment; or add seeds."""
    store = open_store()
    selected = selected_runs(store, args)
    if args.until_decided is not None:
        return _until_decided(store, selected, args)
    if args.rows or args.columns:
        return _print_pivots(store, selected, args)
    comparisons = _comparisons(store, selected, args)
    if args.format == "table":
        for one in comparisons:
            print_comparison(one)
    else:
        write(COMPARE_FORMATS[args.format](comparisons), args.output)
    return 0 if args.add_seeds is None else _add_seeds(store, comparisons, args)


def _print_pivots(store: Store, selected: Sequence[RunRecord], args: argparse.Namespace) -> int:
    """One measure of each experiment as a table of two settings."""
    if args.group_by:
        raise BadSetting(f"group_by is {args.group_by!r}, but --rows and --columns group the runs")
    if args.format not in PIVOT_FORMATS:
        known = ", ".join(PIVOT_FORMATS)
        raise BadSetting(f"format is {args.format!r}; a table of rows and columns is {known}")
    for field, name in (("rows", args.rows), ("columns", args.columns)):
        if not name or args.rows == args.columns:
            raise BadSetting(f"{field} is {name!r}; give two different ones, --rows and --columns")
    both = {}
    for experiment in all_experiments():
        mine = [run for run in selected if run.experiment == experiment.name]
        if mine:
            known_axes = axes(experiment, mine)
            both[experiment.name] = [
                axis_of(known_axes, field, getattr(args, field)) for field in ("rows", "columns")
            ]
    args.group_by = f"{args.rows},{args.columns}"
    laid_out = [pivot(c, *both[c.experiment.name]) for c in _comparisons(store, selected, args)]
    pivots = [one for one in laid_out if one is not None]
    if args.format == "table":
        for one in pivots:
            print_pivot(one)
    else:
        write(b"\n".join(PIVOT_FORMATS[args.format](one) for one in pivots), args.output)
    return 0


def _comparisons(
    store: Store, selected: Sequence[RunRecord], args: argparse.Namespace, looks: int = 1
) -> list[Comparison]:
    records = {run.run_id: run for run in selected}

    @functools.cache
    def read(run_id: str, name: str) -> pandas.DataFrame | None:
        return store.table(records[run_id], name)

    comparisons = [
        comparison.compare(
            experiment,
            [run for run in selected if run.experiment == experiment.name],
            lambda run, name: read(run.run_id, name),
            args.group_by,
            args.measure,
            looks,
        )
        for experiment in all_experiments()
        if any(run.experiment == experiment.name for run in selected)
    ]
    measures = [r.column.name for one in comparisons for r in one.results]
    if args.measure and args.measure not in measures:
        raise BadSetting(
            f"measure is {args.measure!r}; these runs have {', '.join(measures) or 'none'}"
        )
    return comparisons


def _add_seeds(store: Store, comparisons: Sequence[Comparison], args: argparse.Namespace) -> int:
    """Queue more seeds of every group, as many as asked for or as would decide."""
    (one,) = _of_one_experiment(comparisons, "add_seeds")
    number = args.add_seeds or seeds_to_add(one)
    if number is None:
        reason = "no reasonable number of seeds would" if undecided(one) else "nothing is open"
        say(f"No seeds were added to decide this: {reason}.")
        return 0
    wanted = queue.Missing(tuple(with_more_seeds(one, number)), (), 0, one.looks + 1)
    run_ids = queue.submit_missing(store, wanted)
    return print_queued(store, run_ids, as_json=args.format == "json")


def _until_decided(store: Store, selected: list[RunRecord], args: argparse.Namespace) -> int:
    """Look, double the seeds and look again, with the correction for all planned looks."""
    (one,) = _of_one_experiment(_comparisons(store, selected, args), "until_decided")
    require_here(one)
    totals = looks_at(fewest_seeds(one), args.until_decided)
    looks = planned_looks(one, totals)
    for look, (total, following) in enumerate(zip(totals, [*totals[1:], 0], strict=True), 1):
        (one,) = _comparisons(store, selected, args, looks)
        decided = not undecided(one)
        say(f"Look {look} of at most {len(totals)}, at {total} seeds: {answer(one)}")
        if decided or not following:
            break
        plan = tuple(with_more_seeds(one, following - total))
        run_ids = queue.submit_missing(store, queue.Missing(plan, (), 0, looks))
        records, _ = wait_for_runs(store, run_ids)
        finished = [run for run in records if run.status == "FINISHED"]
        if len(finished) < len(run_ids):
            return _report(store, records, len(run_ids), as_json=False)
        selected = [*selected, *finished]
    if args.format == "table":
        print_comparison(one)
    else:
        write(COMPARE_FORMATS[args.format]([one]), args.output)
    return 0


def _of_one_experiment(comparisons: Sequence[Comparison], flag: str) -> Sequence[Comparison]:
    names = [one.experiment.name for one in comparisons]
    if len(names) != 1:
        raise BadSetting(
            f"{flag} is given for runs of {listed(names)}; give runs of one experiment"
        )
    return comparisons


def selected_runs(store: Store, args: argparse.Namespace) -> list[RunRecord]:
    """The finished runs that are named, or all of an experiment or a sweep; else what the Overview
    shows: the headline sweep of every experiment."""
    if not args.runs and not args.experiment and not args.sweep:
        return _headline_runs(store)
    if args.runs:
        named = queue.find_all(store, args.runs)
        selected = list({run.run_id: run for run in named}.values())
    else:
        # A sweep that is asked for may be archived.
        selected = store.runs(args.experiment, "FINISHED", archived=bool(args.sweep))
    for run in selected:
        if run.status != "FINISHED":
            raise BadSetting(
                f"runs has {inline_text(run.name)!r}, which is {run.status}; give finished runs"
            )
        if args.experiment:
            _require_experiment(run, args.experiment)
    if args.sweep:
        sweeps = [repr(name) for name in dict.fromkeys(run.sweep for run in selected) if name]
        selected = [run for run in selected if run.sweep == args.sweep]
        if not selected:
            newest = ", ".join(sweeps[:-4:-1])
            known = f"the newest are {newest}" if newest else "there is none yet"
            raise BadSetting(f"sweep is {args.sweep!r}; {known}")
    if not selected:
        raise BadSetting(
            f"experiment is {args.experiment!r}, of which no run has finished yet; python -m "
            f"experiments run {args.experiment} makes some"
        )
    return selected


def _headline_runs(store: Store) -> list[RunRecord]:
    records = store.runs()
    headlines = [
        headline(
            experiment,
            group_by_sweep([run for run in records if run.experiment == experiment.name]),
            store.table,
            headline_rank,
        )
        for experiment in all_experiments()
    ]
    runs = [run for sweep in headlines if sweep is not None for run in sweep.finished]
    if not runs:
        raise BadSetting(
            "runs is empty, and no run has finished yet; python -m experiments suite first-look "
            "makes the first"
        )
    return runs


def report(args: argparse.Namespace) -> int:
    """`report`: write the chapter's claims as one file."""
    write(chapter_report(open_store(), compute_all()).encode(), args.output)
    return 0


def papers(args: argparse.Namespace) -> int:
    """`papers`: print what papers found beside what was measured here."""
    store = open_store()
    judged = Evidence(store.table, PAPERS).judge(store.runs(archived=False), {})
    if args.format == "table":
        print_papers(judged)
    else:
        write(PAPERS_FORMATS[args.format](judged), args.output)
    if missing := needed_by(PAPERS, judged).to_start:
        say(f"{counted(len(missing), 'run')} not measured yet: python -m experiments suite papers")
    return 0


def match(args: argparse.Namespace) -> int:
    """`match BUDGET`: print the hidden size of each variant at one number of parameters or bytes.

    `--experiment` says what is counted: its whole model where it trains one.
    """
    experiment = experiment_named(args.experiment)
    name = "state_budget" if args.state else "parameter_budget"
    settings = {name: [args.budget], "layers": [args.layers]}
    if args.input_size is not None or experiment is PARAMETER_COUNT:
        settings["input_size"] = [args.input_size or "64"]
    sizes = {
        config.architecture.variant: size_of(config)
        for config in experiment.configs(list(usual_variants()), settings)
    }
    if args.json:
        matches = {
            variant: {
                "hidden_size": size.hidden_size,
                "parameters": size.parameters,
                "state_bytes": size.state_bytes,
                size.budget_name: size.budget,
            }
            for variant, size in sizes.items()
        }
        print(json.dumps(matches))
        return 0
    counted = f"parameters ({experiment.config.counted})"
    table = Table("variant", "hidden size", counted, "state (bytes)", "off the budget by")
    for variant, size in sizes.items():
        numbers = (size.hidden_size, size.parameters, size.state_bytes)
        table.add_row(variant_title(variant), *(f"{n:,}" for n in numbers), size.off_in_words)
    OUT.print(table)
    missed = {variant_title(v): (size,) for v, size in sizes.items() if size.missed}
    if missed:
        say(sizes_in_words(experiment, missed))
    return 0


def score(args: argparse.Namespace) -> int:
    """`score`: score files of hypotheses against references, and compare them in pairs."""
    try:
        width = int(args.bucket_width)
    except ValueError:
        raise BadSetting(
            f"bucket_width is {args.bucket_width!r}; give a whole number of words"
        ) from None
    options = Options(bucket_width=width, cased=args.cased, tokenise=args.tokenise)
    names = scoring.unique_names(args.hypotheses)
    references = scoring.read_text("references", args.references)
    sources = None if args.sources is None else scoring.read_text("sources", args.sources)
    systems = {
        name: scoring.read_text("hypotheses", path)
        for name, path in zip(names, args.hypotheses, strict=True)
    }
    with progress_bar("score") as report:
        scores = score_texts(systems, references, sources, options, report)
    if args.format == "table":
        print_scores(scores)
    else:
        write(SCORE_FORMATS[args.format](scores), args.output)
    return 0


def serve(args: argparse.Namespace) -> int:
    """`serve`: run worker, MLflow UI and dashboard together."""
    logs.set_up("serve")
    return serve_all(open_store(), logs.log.info, args.dashboard_port, args.mlflow_port)


def team(args: argparse.Namespace) -> int:
    """`team`: run every part of a team's installation on this machine."""
    return serve_team(say, args.port, Path(args.folder or TEAM_FOLDER))


def mlflow(args: argparse.Namespace) -> int:
    """`mlflow`: run the MLflow UI alone."""
    run_mlflow(open_store(), args.mlflow_port)
