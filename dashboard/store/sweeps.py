"""What several runs measured as one table; and sweeps, where pages look for them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pandas

from core.analysis.groups import labels, variant_of
from core.analysis.runs import last_row
from core.analysis.sweeps import Sweep, Table, sweeps
from core.experiment import Experiment
from core.settings import settings_of
from core.store.records import RunRecord

__all__ = ["Sweep", "Table", "results", "rows", "sweeps"]


def results(
    experiment: Experiment,
    runs: Sequence[RunRecord],
    table: Table,
    without: Collection[str] = (),
) -> pandas.DataFrame:
    """One row per finished run that has a summary: run_id, label, variant, settings, summary.

    Without any such run the frame is empty, but has these columns.
    """
    label_of = labels(experiment, runs, without)
    summary = experiment.summary
    lines = []
    for run in runs:
        measured = table(run, summary.table) if run.status == "FINISHED" else None
        if measured is None or measured.empty:
            continue
        row = last_row(measured)
        lines.append(
            {
                "run_id": run.run_id,
                "label": label_of[run.run_id],
                "variant": variant_of(run),
                **run.settings,
                **{name: row[name] for name in summary.header() if name in row},
            }
        )
    if not lines:
        settings = [setting.name for setting in settings_of(experiment.config)]
        # A summary may record again what a setting says.
        names = dict.fromkeys(["run_id", "label", "variant", *settings, *summary.header()])
        return pandas.DataFrame(columns=list(names))
    return pandas.DataFrame(lines)


def rows(
    experiment: Experiment, runs: Sequence[RunRecord], name: str, table: Table
) -> pandas.DataFrame:
    """A table of several runs as one frame, with `run_id`, `label` and `variant` in front.

    A seed that was measured twice with the same settings (by a retry, say) counts once: the newest.
    """
    label_of = labels(experiment, runs)
    columns = experiment.row(name).columns()
    axes = [column.name for column in columns if column.is_axis]
    notes = [column.name for column in columns if column.role == "note"]
    frames = []
    for run in runs:
        part = table(run, name)
        if part is not None and not part.empty:
            label = label_of[run.run_id]
            frames.append(part.assign(run_id=run.run_id, label=label, variant=variant_of(run)))
    if not frames:
        return pandas.DataFrame()
    together = pandas.concat(frames, ignore_index=True)
    together = together.drop_duplicates(["label", "variant", *axes], keep="last")
    together[notes] = together[notes].astype(object).fillna("").astype(str)
    front = ["run_id", "label", "variant"]
    return together[[*front, *(name for name in together if name not in front)]]
