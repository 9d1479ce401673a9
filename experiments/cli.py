"""The parser of the command line: the commands, with flags derived from the declarations of the
experiments.

Values of settings are validated where a config is built from them, all others here.
"""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Callable, Iterable
from typing import Annotated, Any, NoReturn

from pydantic import Field, TypeAdapter, ValidationError

from core.analysis.limits import NEEDS, allowed_amount, flag_dest, limitable, usual_sign
from core.analysis.search import EXAMPLES
from core.experiment import DEVICES, MAX_SEEDS, Experiment
from core.experiments import all_experiments
from core.experiments.parameter_count import PARAMETER_COUNT
from core.measure.scoring import DEFAULT_BUCKET_WIDTH
from core.measure.tokenisation import DEFAULT_TOKENISATION, TOKENISATIONS
from core.models.registry import usual_variants, variants
from core.settings import BadSetting
from core.store.records import ENDED, STATUSES
from experiments import (
    commands,
    commands_bundles,
    commands_cells,
    commands_operations,
    commands_scorecard,
)
from experiments.export import EXPORT_FORMATS
from experiments.hosting import TEAM_PORT
from experiments.suites import CARD_BUDGET, SUITES

VARIANT_SETTINGS = ("cell", "bidirectional")
"""Settings that have no flag of their own: `--variants` stands for them."""


INVALID_CHOICE = re.compile(
    r"argument (--)?(?P<name>\S+): invalid choice: (?P<value>.+) \(choose from (?P<known>.+)\)"
)
"""The message of argparse for a value that is not among the choices."""


class _Parser(argparse.ArgumentParser):
    """One line on standard error and exit status 2, instead of argparse's usage block."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **options
        )

    def error(self, message: str) -> NoReturn:
        choice = INVALID_CHOICE.fullmatch(message)
        if choice:
            name = choice["name"].lower().replace("-", "_")
            known = choice["known"].replace("'", "")
            raise BadSetting(f"{name} is {choice['value']}; choose from {known}")
        raise BadSetting(f"{message.removeprefix('argument ')}; see {self.prog} --help")

    def flags(self) -> list[str]:
        """The long flags of this parser."""
        flags = (flag for flag in self._option_string_actions if flag.startswith("--"))
        return [flag for flag in flags if flag != "--help"]


def parse(words: list[str]) -> argparse.Namespace:
    """The parsed command with its options; `BadSetting` in one line for anything else."""
    joined: list[str] = []
    for word in words:
        # `--forget-bias -2,0` → `--forget-bias=-2,0`: argparse would take the value for a flag.
        negative = len(word) > 1 and word[0] == "-" and (word[1].isdigit() or word[1] == ".")
        if negative and joined and joined[-1].startswith("--") and "=" not in joined[-1]:
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    args, unknown = _parser().parse_known_args(joined)
    if unknown:
        flags = args.parser.flags()
        near = difflib.get_close_matches(unknown[0].split("=")[0], flags, 1)
        hint = f"did you mean {near[0]}? " if near else ""
        known = f"the options are {', '.join(flags)}" if flags else "there are none"
        raise BadSetting(f"{unknown[0]} is not an option of this command; {hint}{known}")
    if getattr(args, "output", None) and getattr(args, "format", "") == "table":
        raise BadSetting(
            f"output is {args.output!r}, but the format is table, which is for a terminal; "
            "choose another --format"
        )
    return args


def _parser() -> _Parser:
    parser = _Parser(
        prog="python -m experiments",
        description="Unroll: what recurrent networks remember, what they cost, where they break.",
    )
    verbs = parser.add_subparsers(dest="verb", metavar="COMMAND", required=True)
    names = [experiment.name for experiment in all_experiments()]

    def verb(name: str, text: str, command: commands.Command) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=text, description=text, prog=f"{parser.prog} {name}")
        added.set_defaults(command=command, parser=added)
        return added

    _add_json(
        verb("list", "list the experiments, their settings and the suites", commands.list_all)
    )
    for name, command, text in (
        ("run", commands.run, "make runs in this process and print their results"),
        ("sweep", commands.sweep, "make every combination of values that is not made yet"),
        ("submit", commands.submit, "queue runs for the worker"),
    ):
        added = verb(name, text, command)
        experiments = added.add_subparsers(dest="experiment", metavar="EXPERIMENT", required=True)
        for experiment in all_experiments():
            _add_experiment(
                experiments, experiment, f"{parser.prog} {name} {experiment.name}", command
            )
    suite = verb("suite", "make a suite's runs, skipping those that are done", commands.suite)
    suite.add_argument("name", metavar="NAME", help=", ".join(s.name for s in SUITES))
    suite.add_argument("--queue", action="store_true", help="queue all of them for the worker")
    _add_json(suite)
    worker = verb("worker", "execute queued runs until stopped", commands.worker)
    worker.add_argument("--exit-when-idle", type=SECONDS, metavar="SECONDS")
    runs = verb("runs", "list the recorded runs", commands.runs)
    runs.add_argument("--experiment", choices=names, metavar="E", help="only of this experiment")
    statuses = f"one of {', '.join(STATUSES)}"
    runs.add_argument("--status", type=str.upper, choices=STATUSES, metavar="S", help=statuses)
    runs.add_argument("--deleted", action="store_true", help="those that were deleted")
    searched = "terms that a run must meet, as the page Runs takes them: " + ", ".join(EXAMPLES)
    runs.add_argument("--search", default="", metavar="TERMS", help=searched.replace("%", "%%"))
    _add_json(runs)
    cancel = verb("cancel", "stop queued or running runs", commands.cancel)
    cancel.add_argument("runs", nargs="*", metavar="RUN", help="a run's id, or its beginning")
    cancel.add_argument("--sweep", metavar="S", help="all active runs of this sweep")
    retry = verb("retry", "queue ended runs again, or what failed of a sweep", commands.retry)
    retry.add_argument("runs", nargs="*", metavar="RUN", help="a run's id, or its beginning")
    retry.add_argument("--sweep", metavar="S", help="every failed run of it that was not retried")
    _add_edit(verb("edit", "name, star, archive, comment, tag or delete runs", commands.edit))
    export = verb("export", "write rows of finished runs to standard output", commands.export)
    export.add_argument("experiment", choices=names, metavar="EXPERIMENT")
    export.add_argument("--table", metavar="T", help="default: the summary")
    export.add_argument("--runs", metavar="RUN,…", help="default: every finished run")
    _add_format(export, "csv", EXPORT_FORMATS)
    _add_compare(verb("compare", "compare finished runs, with verdicts", commands.compare))
    _add_scorecard(
        verb(
            "scorecard",
            "compare variants on every question, on equal terms",
            commands_scorecard.scorecard,
        )
    )
    _add_choose(
        verb(
            "choose",
            "say which layer to take within limits, and how sure",
            commands_scorecard.choose,
        )
    )
    report = verb(
        "report", "write the chapter's claims and verdicts as one HTML file", commands.report
    )
    report.add_argument("--output", metavar="FILE", help="default: standard output")
    papers = verb("papers", "what papers found, beside what was measured here", commands.papers)
    _add_format(papers, "table", ("table", *commands.PAPERS_FORMATS))
    papers.add_argument("--output", metavar="FILE", help="default: standard output")
    _add_json(papers, dest="format")
    match = verb("match", "find each variant's hidden size for a budget", commands.match)
    match.add_argument("budget", metavar="BUDGET", help="parameters: 1M, 250k, 100000")
    match.add_argument(
        "--state", action="store_true", help="the budget is of bytes of state, not of parameters"
    )
    match.add_argument(
        "--experiment",
        choices=names,
        default=PARAMETER_COUNT.name,
        metavar="E",
        help="what is counted: the whole model that it trains, or recurrent layers alone; "
        f"default: {PARAMETER_COUNT.name}",
    )
    match.add_argument("--input-size", metavar="INT", help="default: 64, or what the task has")
    match.add_argument("--layers", default="1", metavar="INT", help="default: 1")
    _add_json(match)
    _add_score(verb("score", "score files of translations by length, in pairs", commands.score))
    serve = verb("serve", "run worker, MLflow UI and dashboard together", commands.serve)
    serve.add_argument("--dashboard-port", type=PORT, default=8501, metavar="PORT")
    serve.add_argument("--mlflow-port", type=PORT, default=5000, metavar="PORT")
    team = verb("team", "run every part of a team's installation on this machine", commands.team)
    team.add_argument("--port", type=PORT, default=TEAM_PORT, metavar="PORT")
    team.add_argument("--folder", metavar="FOLDER", help="default: mlruns/team")
    mlflow = verb("mlflow", "run the MLflow UI alone", commands.mlflow)
    mlflow.add_argument("--mlflow-port", type=PORT, default=5000, metavar="PORT")
    _add_bundles(verb)
    _add_operations(verb)
    _add_cells(verb)
    return parser


def _add_bundles(verb: Callable[[str, str, commands.Command], argparse.ArgumentParser]) -> None:
    text = "write finished runs as one file, for another store"
    bundle = verb("bundle", text, commands_bundles.bundle)
    _add_selected(bundle)
    suite = f"all finished runs of this suite: {', '.join(s.name for s in SUITES)}"
    bundle.add_argument("--suite", metavar="NAME", help=suite)
    bundle.add_argument("--models", action="store_true", help="with the models that were trained")
    bundle.add_argument("--output", required=True, metavar="FILE", help="results.zip")
    text = "read runs of another store from bundles; those that are here already stay as they are"
    imported = verb("import", text, commands_bundles.import_bundles)
    imported.add_argument("bundles", nargs="+", metavar="FILE", help="what bundle has written")
    _add_json(imported)


def _add_cells(verb: Callable[[str, str, commands.Command], argparse.ArgumentParser]) -> None:
    added = verb("cells", "check cells of your own and add them", commands_cells.cells_command)
    folder = "default: every file in the folder cells/ and every cell of an installed package"
    added.add_argument("files", nargs="*", metavar="FILE", help=folder)
    _add_json(added)
    card = verb(
        "card",
        "measure a cell of your own on every question, beside the usual ones",
        commands_cells.card,
    )
    card.add_argument("cell", metavar="CELL", help="a Python file, or the name of a cell: min-gru")
    card.add_argument(
        "--parameters",
        default=str(CARD_BUDGET),
        metavar="BUDGET",
        help=f"of every network, as nearly as whole widths allow; default: {CARD_BUDGET:,}",
    )
    card.add_argument("--queue", action="store_true", help="queue its runs for the worker")
    card.add_argument("--output", metavar="FILE", help="write the card as HTML, too")
    _add_json(card)


def _add_operations(verb: Callable[[str, str, commands.Command], argparse.ArgumentParser]) -> None:
    operations = commands_operations
    health = verb("health", "say whether worker and store work, by exit status", operations.health)
    parts = ("worker", "store", "all")
    health.add_argument("part", nargs="?", default="all", choices=parts, metavar="PART")
    _add_json(health)
    verb("metrics", "print the metrics that Prometheus reads", operations.metrics)
    backup = verb("backup", "copy the whole store, while it is used", operations.backup)
    new = "a new folder; default: in backups/ beside the store"
    backup.add_argument("--to", metavar="FOLDER", help=new)
    restore = verb("restore", "make an empty store what a backup has", operations.restore)
    restore.add_argument("folder", metavar="FOLDER", help="a backup")
    there = "a folder for the store; default: where MLFLOW_TRACKING_URI points"
    restore.add_argument("--into", metavar="FOLDER", help=there)
    compare = "write nothing: compare the store with the backup; exit status 1 if they differ"
    restore.add_argument("--verify", action="store_true", help=compare)
    verb(
        "upgrade", "bring the store up to the installed MLflow; a copy is kept", operations.upgrade
    )
    archive = verb("archive", "archive old runs that nobody starred or pinned", operations.archive)
    archive.add_argument("--older-than", metavar="AGE", help="since they ended: 180d, 26w")
    ended = f"only these: {', '.join(ENDED)}"
    archive.add_argument("--status", type=str.upper, choices=ENDED, metavar="S", help=ended)
    archive.add_argument("--dry-run", action="store_true", help="only say how many")
    archive.add_argument("--undo", action="store_true", help="bring back what this has archived")


def _add_edit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="*", metavar="RUN", help="a run's id, or its beginning")
    parser.add_argument("--sweep", metavar="S", help="all runs of this sweep: its id or its name")
    parser.add_argument("--name", metavar="N", help="a new name for the run")
    parser.add_argument("--sweep-name", metavar="N", help="a new name for the sweep; '' for none")
    parser.add_argument("--comment", metavar="C", help="what others should know; '' for none")
    parser.add_argument(
        "--tag", action="append", default=[], metavar="T", help="a label, or NAME=VALUE"
    )
    parser.add_argument("--untag", action="append", default=[], metavar="NAME")
    for yes, no, field in (
        ("star", "unstar", "star"),
        ("pin", "unpin", "pin"),
        ("archive", "unarchive", "archive"),
        ("delete", "restore", "delete"),
    ):
        either = parser.add_mutually_exclusive_group()
        either.add_argument(f"--{yes}", dest=field, action="store_true", default=None)
        either.add_argument(f"--{no}", dest=field, action="store_false", default=None)
    _add_json(parser)


def _add_selected(parser: argparse.ArgumentParser) -> None:
    names = [experiment.name for experiment in all_experiments()]
    parser.add_argument(
        "runs",
        nargs="*",
        metavar="RUN",
        help="a run's id, or its beginning; default: what the Overview shows",
    )
    parser.add_argument("--experiment", choices=names, metavar="E", help="all of its finished runs")
    parser.add_argument("--sweep", metavar="S", help="only the runs of this sweep")


def _add_compare(parser: argparse.ArgumentParser) -> None:
    _add_selected(parser)
    parser.add_argument("--comparison", dest="sweep", help=argparse.SUPPRESS)  # until November 2026
    grouping = "kind (the default), run, variant, sweep, device, or settings: hidden_size,layers"
    parser.add_argument("--group-by", default="", metavar="SETTING", help=grouping)
    parser.add_argument(
        "--measure", default="", metavar="M", help="default: the experiment's headline measure"
    )
    of_both = "with --columns: one measure as a table; a setting, or variant"
    parser.add_argument("--rows", default="", metavar="SETTING", help=of_both)
    parser.add_argument("--columns", default="", metavar="SETTING", help="see --rows")
    more = parser.add_mutually_exclusive_group()
    more.add_argument(
        "--add-seeds",
        nargs="?",
        const=0,
        type=SEEDS,
        metavar="N",
        help="queue N more seeds of every group; without N, as many as would decide",
    )
    more.add_argument(
        "--until-decided",
        type=SEEDS,
        metavar="N",
        help="double the seeds until there is a verdict, or N seeds each; p is corrected for looks",
    )
    _add_format(parser, "table", ("table", *commands.COMPARE_FORMATS))
    parser.add_argument("--output", metavar="FILE", help="default: standard output")
    _add_json(parser, dest="format")


def _add_scorecard(parser: argparse.ArgumentParser) -> None:
    _add_terms(parser)
    _add_format(parser, "table", ("table", *commands_scorecard.SCORECARD_FORMATS))
    parser.add_argument("--output", metavar="FILE", help="default: standard output")
    _add_json(parser, dest="format")


def _add_choose(parser: argparse.ArgumentParser) -> None:
    """A flag for every limit that an experiment declares, and for every need."""
    for name, need in NEEDS.items():
        parser.add_argument(
            f"--{name}", dest=flag_dest(name), action="store_true", help=need.description
        )
    for name, column in limitable().items():
        most = "at least" if usual_sign(column) == ">=" else "at most"
        text = f"{column.title}, {most}: {allowed_amount(column.unit)}. {column.description}"
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            dest=flag_dest(name),
            metavar="AMOUNT",
            help=text.replace("%", "%%"),
        )
    axis = "a measure; default: the first that a limit is on, else {}"
    parser.add_argument(
        "--quality", default="", metavar="M", help=axis.format("the first one measured")
    )
    parser.add_argument(
        "--against", default="", metavar="M", help=axis.format("the p99 latency, or the last cost")
    )
    _add_terms(parser)
    _add_format(parser, "table", ("table", *commands_scorecard.CHOICE_FORMATS))
    parser.add_argument("--output", metavar="FILE", help="default: standard output")
    _add_json(parser, dest="format")


def _add_terms(parser: argparse.ArgumentParser) -> None:
    variants = "variants, or kinds as a scorecard calls them; default: the usual ones"
    parser.add_argument("--variants", metavar="V,…", help=variants)
    terms = parser.add_mutually_exclusive_group()
    terms.add_argument("--hidden-size", metavar="INT", help="default: the most complete one")
    terms.add_argument(
        "--parameter-budget", metavar="BUDGET", help="instead of a hidden size: 100k, 1M"
    )
    terms.add_argument("--state-budget", metavar="BYTES", help="instead of a hidden size: 512")
    parser.add_argument(
        "--machine", metavar="M", help="where times were measured: part of its name"
    )
    parser.add_argument(
        "--device", choices=DEVICES, metavar="D", help=f"of the times: {', '.join(DEVICES)}"
    )
    parser.add_argument(
        "--limit",
        action="append",
        default=[],
        metavar="LIMIT",
        help="what must be kept, any number of times: 'parameters<=200k', 'p99<=1ms', 'span>=20', "
        f"{', '.join(NEEDS)}",
    )


def _add_score(parser: argparse.ArgumentParser) -> None:
    lines = "one sentence a line, UTF-8"
    parser.add_argument(
        "--hypotheses", nargs="+", required=True, metavar="FILE", help=f"one per system; {lines}"
    )
    parser.add_argument("--references", required=True, metavar="FILE", help=lines)
    parser.add_argument("--sources", metavar="FILE", help="to score by their length too")
    parser.add_argument(
        "--bucket-width",
        default=str(DEFAULT_BUCKET_WIDTH),
        metavar="WORDS",
        help=f"lengths that are scored together; default: {DEFAULT_BUCKET_WIDTH}",
    )
    parser.add_argument("--cased", action="store_true", help="default: lowercased")
    parser.add_argument(
        "--tokenise",
        "--tokenize",
        default=DEFAULT_TOKENISATION,
        metavar="T",
        help=f"of BLEU: {', '.join(TOKENISATIONS)}; default: by the script of the references",
    )
    _add_format(parser, "table", ("table", *commands.SCORE_FORMATS))
    parser.add_argument("--output", metavar="FILE", help="default: standard output")
    _add_json(parser, dest="format")


def _add_experiment(
    experiments: argparse._SubParsersAction[argparse.ArgumentParser],
    experiment: Experiment,
    prog: str,
    command: commands.Command,
) -> None:
    added = experiments.add_parser(
        experiment.name,
        help=experiment.question,
        prog=prog,
        description=f"{experiment.question}\n\nSeveral values, separated by commas, make one run "
        "each, and so does a range, start:end:step: --hidden-size 32,64 --forget-bias -1:3:0.5 "
        "are 2 × 9 runs of an LSTM",
    )
    added.set_defaults(command=command, parser=added)
    added.add_argument(
        "--variants",
        default=",".join(usual_variants()),
        metavar="V,…",
        help=", ".join(variants()),
    )
    added.add_argument(
        "--cell-file",
        action="append",
        default=[],
        metavar="FILE",
        help="a Python file with a cell of your own, which joins the variants (docs/extending.md)",
    )
    if experiment.presets:
        presets = ", ".join(experiment.presets)
        added.add_argument("--preset", default="", metavar="P", help=f"one of {presets}")
    for setting in experiment.settings:
        if setting.name in VARIANT_SETTINGS:
            continue
        cells = f" ({', '.join(setting.cells)} only)" if setting.cells else ""
        default = "" if setting.default is None else f" Default {str(setting.default).lower()}."
        text = f"{setting.title}{cells}. {setting.description}{default}"
        kind = "|".join(setting.choices) or setting.types[0].__name__.upper()
        flag = "--" + setting.name.replace("_", "-")
        added.add_argument(flag, metavar=kind, help=text.replace("%", "%%"))
    added.add_argument(
        "--name", default="", metavar="TEXT", help="what people call this sweep; default: its id"
    )
    if command is commands.submit:
        added.add_argument(
            "--skip-made",
            action="store_true",
            help="leave out what is finished, queued or running with the same settings",
        )
    if command is commands.sweep:
        again = "make also what is finished, queued or running with the same settings"
        added.add_argument("--again", action="store_true", help=again)
    _add_json(added)


def _add_format(parser: argparse.ArgumentParser, default: str, formats: Iterable[str]) -> None:
    choices = list(formats)
    text = f"{', '.join(choices)}; default: {default}"
    parser.add_argument("--format", default=default, choices=choices, metavar="F", help=text)


def _add_json(parser: argparse.ArgumentParser, dest: str = "json") -> None:
    """`--json`: a switch of its own, or short for `--format json`."""
    if dest == "json":
        parser.add_argument("--json", action="store_true", help="print JSON")
    else:
        parser.add_argument(
            "--json", action="store_const", dest=dest, const="json", help="short for --format json"
        )


def _number(kind: Any, allowed: str) -> Callable[[str], Any]:
    """A converter for argparse; its error says what came and what is allowed."""
    adapter = TypeAdapter(kind)

    def convert(text: str) -> Any:
        try:
            return adapter.validate_python(text)
        except ValidationError:
            raise argparse.ArgumentTypeError(f"is {text!r}; give {allowed}") from None

    return convert


PORT = _number(Annotated[int, Field(ge=1, le=65535)], "a whole number from 1 to 65,535")

SECONDS = _number(Annotated[float, Field(ge=0, allow_inf_nan=False)], "a number of at least 0")

SEEDS = _number(
    Annotated[int, Field(ge=1, le=MAX_SEEDS)], f"a whole number from 1 to {MAX_SEEDS:,}"
)
