"""Words of the command line → what is to be done. Flags are derived from the declarations."""

from __future__ import annotations

import argparse
import difflib
from typing import NoReturn

from core.architecture import VARIANTS
from core.experiment import Experiment
from core.experiments import EXPERIMENTS, experiment_named
from core.settings import BadSetting, Setting
from core.tracking import STATUSES
from experiments import commands, compare_command, scorecard_command
from experiments.export import FORMATS
from experiments.report import TABLE
from experiments.suites import SUITES

KIND = ("cell", "bidirectional")
"""Settings that `--variants` stands for."""


class _Parser(argparse.ArgumentParser):
    """One line on standard error and exit status 2, instead of argparse's usage block."""

    def __init__(self, **options: object) -> None:
        super().__init__(
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            **options,  # type: ignore[arg-type]
        )

    def error(self, message: str) -> NoReturn:
        raise BadSetting(f"{message}; {self.prog} --help explains")

    def options(self) -> list[str]:
        """Its own flags, the way they are written out."""
        flags = (flag for flag in self._option_string_actions if flag.startswith("--"))
        return [flag for flag in flags if flag != "--help"]


def parse(words: list[str]) -> argparse.Namespace:
    """The chosen command with its options; `BadSetting` in one line for anything else."""
    if len(words) > 1 and words[0] in ("run", "submit") and not words[1].startswith("-"):
        experiment_named(words[1])
    chosen, unknown = _parser().parse_known_args(_joined(words))
    if unknown:
        raise BadSetting(_unknown(unknown[0], chosen.parser.options()))
    return chosen


def _joined(words: list[str]) -> list[str]:
    """`--forget-bias -2,0` → `--forget-bias=-2,0`: argparse would take the value for a flag."""
    joined: list[str] = []
    for word in words:
        negative = len(word) > 1 and word[0] == "-" and (word[1].isdigit() or word[1] == ".")
        if negative and joined and joined[-1].startswith("--") and "=" not in joined[-1]:
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _unknown(word: str, flags: list[str]) -> str:
    near = difflib.get_close_matches(word.split("=")[0], flags, 1)
    meant = f"did you mean {near[0]}? " if near else ""
    offered = f"the options are {', '.join(flags)}" if flags else "there are none"
    return f"{word} is no option here; {meant}{offered}"


def _parser() -> _Parser:
    parser = _Parser(
        prog="python -m experiments",
        description="Unroll: what recurrent networks remember, what they cost, where they break.",
    )
    verbs = parser.add_subparsers(dest="verb", metavar="COMMAND", required=True)

    def verb(name: str, text: str, command: commands.Command) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=text, description=text, prog=f"{parser.prog} {name}")
        added.set_defaults(command=command, parser=added)
        return added

    _json(verb("list", "the experiments, their settings and the suites", commands.list_all))
    for name, command, text in (
        ("run", commands.run, "make runs here and now, with a table at the end"),
        ("submit", commands.submit, "queue runs for the worker"),
    ):
        added = verb(name, text, command)
        names = added.add_subparsers(dest="experiment", metavar="EXPERIMENT", required=True)
        for experiment in EXPERIMENTS:
            _add_experiment(names, experiment, f"{parser.prog} {name} {experiment.name}", command)
    suite = verb("suite", "make a suite's runs, skipping those that are done", commands.suite)
    suite.add_argument("name", metavar="NAME", help=", ".join(s.name for s in SUITES))
    suite.add_argument(
        "--queue", action="store_true", help="queue all of them for the worker instead"
    )
    _json(suite)
    worker = verb("worker", "take runs off the queue until stopped", commands.worker)
    worker.add_argument("--exit-when-idle", type=_seconds, metavar="SECONDS")
    runs = verb("runs", "the recorded runs", commands.runs)
    runs.add_argument("--experiment", metavar="E", help="only of this experiment")
    runs.add_argument("--status", metavar="S", help=f"one of {', '.join(STATUSES)}")
    _json(runs)
    for name, command, text in (
        ("cancel", commands.cancel, "stop a queued or running run"),
        ("retry", commands.retry, "queue an ended run again"),
    ):
        added = verb(name, text, command)
        added.add_argument("run", metavar="RUN", help="a run's id, or its beginning")
    export = verb("export", "rows of finished runs, tidy, to standard output", commands.export)
    export.add_argument("experiment", metavar="EXPERIMENT")
    export.add_argument("--table", metavar="T", help="left out: the summary")
    export.add_argument("--runs", metavar="RUN,…", help="left out: every finished run")
    export.add_argument("--format", default="csv", metavar="F", help=", ".join(FORMATS))
    compare = verb("compare", "finished runs side by side, with verdicts", compare_command.run)
    compare.add_argument("runs", nargs="*", metavar="RUN", help="a run's id, or its beginning")
    compare.add_argument("--experiment", default="", metavar="E", help="all of its finished runs")
    compare.add_argument("--comparison", default="", metavar="S", help="only what it launched")
    grouping = "kind (the default), run, variant, comparison, device, or a setting"
    compare.add_argument("--group-by", default="", metavar="SETTING", help=grouping)
    compare.add_argument("--measure", default="", metavar="M", help="left out: the first judged")
    formats = ", ".join((TABLE, *compare_command.FORMATS))
    compare.add_argument("--format", default=TABLE, metavar="F", help=formats)
    compare.add_argument("--output", metavar="FILE", help="left out: standard output")
    _json(compare)
    scorecard = verb("scorecard", "every question on equal terms", scorecard_command.scorecard)
    kinds = "variants, or kinds as a scorecard calls them; left out: the usual ones"
    scorecard.add_argument("--variants", metavar="V,…", help=kinds)
    scorecard.add_argument("--hidden-size", metavar="INT", help="left out: the fullest")
    scorecard.add_argument("--parameter-budget", metavar="BUDGET", help="instead: 100k, 1M")
    scorecard.add_argument("--machine", metavar="M", help="of times: part of its name")
    formats = ", ".join((TABLE, *scorecard_command.FORMATS))
    scorecard.add_argument("--format", default=TABLE, metavar="F", help=formats)
    scorecard.add_argument("--output", metavar="FILE", help="left out: standard output")
    _json(scorecard)
    report = verb("report", "the chapter's claims and verdicts, one HTML file", commands.chapter)
    report.add_argument("--output", metavar="FILE", help="left out: standard output")
    match = verb("match", "each variant's hidden size at one parameter budget", commands.match)
    match.add_argument("budget", metavar="BUDGET", help="recurrent parameters: 1M, 250k, 100000")
    match.add_argument("--input-size", default="64", metavar="INT", help="Default 64.")
    match.add_argument("--layers", default="1", metavar="INT", help="Default 1.")
    _json(match)
    serve = verb("serve", "worker, MLflow UI and dashboard together", commands.serve)
    serve.add_argument("--dashboard-port", type=_port, default=8501, metavar="PORT")
    serve.add_argument("--mlflow-port", type=_port, default=5000, metavar="PORT")
    mlflow = verb("mlflow", "the MLflow UI alone", commands.mlflow)
    mlflow.add_argument("--mlflow-port", type=_port, default=5000, metavar="PORT")
    return parser


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"is {text!r}; give a whole number from 1 to 65,535")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"is {text!r}; give a number of at least 0")
    return seconds


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for programs")


def _add_experiment(
    names: argparse._SubParsersAction[argparse.ArgumentParser],
    experiment: Experiment,
    prog: str,
    command: commands.Command,
) -> None:
    added = names.add_parser(
        experiment.name,
        help=experiment.question,
        prog=prog,
        description=f"{experiment.question}\n\nSeveral values, separated by commas, make one run "
        "each: --hidden-size 32,64",
    )
    added.set_defaults(command=command, parser=added)
    added.add_argument(
        "--variants", default=",".join(VARIANTS), metavar="V,…", help=", ".join(VARIANTS)
    )
    if experiment.presets:
        presets = ", ".join(experiment.presets)
        added.add_argument("--preset", default="", metavar="P", help=f"one of {presets}")
    for setting in _flags(experiment):
        flag = "--" + setting.name.replace("_", "-")
        added.add_argument(flag, metavar=_metavar(setting), help=_help(setting))
    _json(added)


def _flags(experiment: Experiment) -> list[Setting]:
    return [s for s in experiment.settings if s.name not in KIND]


def _metavar(setting: Setting) -> str:
    return "|".join(setting.choices) if setting.choices else setting.types[0].__name__.upper()


def _help(setting: Setting) -> str:
    only = f" ({', '.join(setting.cells)} only)" if setting.cells else ""
    default = "" if setting.default is None else f" Default {str(setting.default).lower()}."
    return f"{setting.title}{only}. {setting.description}{default}".replace("%", "%%")
