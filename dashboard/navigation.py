"""Every page of the dashboard. A new page is a file in views/ and an entry of `PAGES`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath


@dataclass(frozen=True)
class Page:
    """A page: its script, and how the navigation and links name it."""

    path: str
    """Relative to script.py."""
    title: str
    icon: str
    section: str
    summary: str
    experiment: str = ""
    """The experiment whose results it shows, if it shows one."""
    first: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    """How a link to the launch form fills it in for the first comparison."""

    @property
    def address(self) -> str:
        """The path in the URL: views/results/gradient_flow.py → gradient-flow; a page of several
        files is named after its folder.
        """
        path = PurePosixPath(self.path)
        return (path.parent.name if path.stem == "page" else path.stem).replace("_", "-")


PAGES: tuple[Page, ...] = (
    Page(
        path="views/overview.py",
        title="Overview",
        icon=":material/space_dashboard:",
        section="Workbench",
        summary="The answer to each question, what is running, and what to measure next.",
    ),
    Page(
        path="views/chapter/page.py",
        title="Chapter",
        icon=":material/menu_book:",
        section="Workbench",
        summary="The claims of the textbook, and of what came after: predict, measure, judge.",
    ),
    Page(
        path="views/papers/page.py",
        title="Papers",
        icon=":material/article:",
        section="Workbench",
        summary="What eleven papers found, beside what was measured here.",
    ),
    Page(
        path="views/launch.py",
        title="Launch",
        icon=":material/play_circle:",
        section="Workbench",
        summary="Choose an experiment, variants and settings, and watch the rows arrive.",
    ),
    Page(
        path="views/runs.py",
        title="Runs",
        icon=":material/list_alt:",
        section="Workbench",
        summary="Every run, with its settings, log, tables and how to reproduce it.",
    ),
    Page(
        path="views/results/gradient_flow.py",
        title="Gradient flow",
        icon=":material/trending_down:",
        section="Results",
        summary="How fast the gradient fades with distance, by variant.",
        experiment="gradient-decay",
    ),
    Page(
        path="views/results/parameters.py",
        title="Parameters",
        icon=":material/stacked_bar_chart:",
        section="Results",
        summary="How many parameters and how much memory each needs, and what fits a budget.",
        experiment="parameter-count",
    ),
    Page(
        path="views/results/throughput.py",
        title="Throughput",
        icon=":material/speed:",
        section="Results",
        summary="How fast it is, and how time grows with length.",
        experiment="throughput",
    ),
    Page(
        path="views/results/length_quality.py",
        title="Length and quality",
        icon=":material/straighten:",
        section="Results",
        summary="How translation quality falls with length, with and without attention.",
        experiment="length-quality",
        first={"variants": "LSTM", "vary": "Attention", "attention": ["none", "dot"]},
    ),
    Page(
        path="views/results/memory_span.py",
        title="Memory span",
        icon=":material/history:",
        section="Results",
        summary="How far back each variant learns to look, and how long its gradient lasts.",
        experiment="memory-span",
        first={
            "variants": ["RNN", "LSTM", "GRU"],
            "vary": "Forget bias",
            "forget_bias": "none, 1",
        },
    ),
    Page(
        path="views/results/two_sided_context.py",
        title="Two-sided context",
        icon=":material/sync_alt:",
        section="Results",
        summary="What a second direction sees that one cannot, and why it cannot generate.",
        experiment="two-sided-context",
    ),
    Page(
        path="views/results/state_tracking.py",
        title="State tracking",
        icon=":material/footprint:",
        section="Results",
        summary="What each variant can follow step by step, and how far beyond its training.",
        experiment="state-tracking",
        first={"variants": ["RNN", "LSTM", "GRU", "minGRU", "Transformer"]},
    ),
    Page(
        path="views/results/recall.py",
        title="Recall",
        icon=":material/key:",
        section="Results",
        summary="How many pairs each variant keeps apart, and with how much state.",
        experiment="recall",
        first={"variants": ["RNN", "LSTM", "GRU", "minGRU", "Transformer"]},
    ),
    Page(
        path="views/results/language_model.py",
        title="Language model",
        icon=":material/notes:",
        section="Results",
        summary="How many bits a character of real text takes, by how much is read before it.",
        experiment="language-model",
        first={"variants": ["RNN", "LSTM", "GRU", "minGRU", "Transformer"]},
    ),
    Page(
        path="views/compare/page.py",
        title="Compare",
        icon=":material/compare_arrows:",
        section="Workbench",
        summary="Finished runs side by side, with verdicts.",
    ),
    Page(
        path="views/choose/page.py",
        title="Choose",
        icon=":material/rule:",
        section="Workbench",
        summary="Which layers keep your limits: every question at once, on equal terms.",
    ),
    Page(
        path="views/report_card.py",
        title="Report card",
        icon=":material/fact_check:",
        section="Workbench",
        summary="A cell of your own on every question, beside RNN, LSTM and GRU.",
    ),
    Page(
        path="views/cell_explorer/page.py",
        title="Cell explorer",
        icon=":material/tune:",
        section="Explore",
        summary="Drag a setting and watch the gradient follow; play a sentence through a cell.",
    ),
    Page(
        path="views/translate/page.py",
        title="Translate",
        icon=":material/translate:",
        section="Explore",
        summary="Translate a sentence with every trained model, and see where each one attends.",
    ),
)

_BY_ADDRESS = {page.address: page for page in PAGES}

OVERVIEW = _BY_ADDRESS["overview"]
CHAPTER = _BY_ADDRESS["chapter"]
PAPERS = _BY_ADDRESS["papers"]
LAUNCH = _BY_ADDRESS["launch"]
RUNS = _BY_ADDRESS["runs"]
COMPARE = _BY_ADDRESS["compare"]
CHOOSE = _BY_ADDRESS["choose"]
CELL_EXPLORER = _BY_ADDRESS["cell-explorer"]
TRANSLATE = _BY_ADDRESS["translate"]


def page_of(experiment: str) -> Page | None:
    """The page that shows an experiment's results, if it has one."""
    return next((page for page in PAGES if page.experiment == experiment), None)


def launching(experiment: str) -> dict[str, str | Sequence[str]]:
    """The query of a link to the launch form, filled in with the first comparison."""
    page = page_of(experiment)
    return {"experiment": experiment, **(page.first if page else {})}
