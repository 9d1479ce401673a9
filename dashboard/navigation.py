"""Every page of the dashboard. A new one is a file in views/ and one line below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath


@dataclass(frozen=True)
class Page:
    """A page: its script, and how the navigation and links name it."""

    path: str
    """Relative to app.py."""
    title: str
    icon: str
    section: str
    summary: str
    experiment: str = ""
    """The experiment whose results it shows, if it shows one."""
    first: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    """What its first comparison asks of the launch form, beyond the defaults."""

    @property
    def address(self) -> str:
        """Its path in the URL: views/gradient_flow.py → gradient-flow."""
        return PurePosixPath(self.path).stem.replace("_", "-")


PAGES: tuple[Page, ...] = (
    Page(
        "views/overview.py",
        "Overview",
        ":material/space_dashboard:",
        "Workbench",
        "The newest answer to each question, and what is running.",
    ),
    Page(
        "views/chapter.py",
        "Chapter",
        ":material/menu_book:",
        "Workbench",
        "Fifteen claims of the textbook: predict, measure, read the verdict.",
    ),
    Page(
        "views/launch.py",
        "Launch",
        ":material/play_circle:",
        "Workbench",
        "Choose an experiment, variants and settings; start them and watch the rows arrive.",
    ),
    Page(
        "views/runs.py",
        "Runs",
        ":material/list_alt:",
        "Workbench",
        "Every run, with its settings, log, tables and how to repeat it.",
    ),
    Page(
        "views/gradient_flow.py",
        "Gradient flow",
        ":material/trending_down:",
        "Results",
        "How fast the gradient fades with distance, by variant.",
        experiment="gradient-decay",
    ),
    Page(
        "views/parameters.py",
        "Parameters",
        ":material/stacked_bar_chart:",
        "Results",
        "What each architecture costs to hold, and which width fits a budget.",
        experiment="parameter-count",
    ),
    Page(
        "views/throughput.py",
        "Throughput",
        ":material/speed:",
        "Results",
        "How fast it is, and how time grows with length.",
        experiment="throughput",
    ),
    Page(
        "views/length_quality.py",
        "Length and quality",
        ":material/straighten:",
        "Results",
        "How translation quality falls with length, with and without attention.",
        experiment="length-quality",
        first={"variants": "LSTM", "vary": "Attention", "values": "none, dot"},
    ),
    Page(
        "views/memory_span.py",
        "Memory span",
        ":material/history:",
        "Results",
        "How far back each variant learns to look, and how long its gradient lasts.",
        experiment="memory-span",
        first={"variants": ["RNN", "LSTM", "GRU"], "vary": "Forget bias", "values": "none, 1"},
    ),
    Page(
        "views/two_sided_context.py",
        "Two-sided context",
        ":material/sync_alt:",
        "Results",
        "What a second direction sees that one cannot, and why it cannot generate.",
        experiment="two-sided-context",
    ),
    Page(
        "views/compare.py",
        "Compare",
        ":material/compare_arrows:",
        "Workbench",
        "Any finished runs side by side, with verdicts; and a scorecard across all questions.",
    ),
    Page(
        "views/cell_explorer.py",
        "Cell explorer",
        ":material/tune:",
        "Explore",
        "Step a cell through a sequence; move its start and watch the gradient follow.",
    ),
    Page(
        "views/translate.py",
        "Translate",
        ":material/translate:",
        "Explore",
        "Type a sentence; see what each trained model makes of it, and where it looked.",
    ),
)

OVERVIEW, CHAPTER, LAUNCH, RUNS = PAGES[:4]
COMPARE = next(page for page in PAGES if page.address == "compare")
CELL_EXPLORER = next(page for page in PAGES if page.address == "cell-explorer")
TRANSLATE = next(page for page in PAGES if page.address == "translate")


def page_of(experiment: str) -> Page | None:
    """The page that shows an experiment's results, if there is one yet."""
    return next((page for page in PAGES if page.experiment == experiment), None)


def launching(experiment: str) -> dict[str, str | Sequence[str]]:
    """The query of a link to the launch form: the experiment, with its first comparison."""
    page = page_of(experiment)
    return {"experiment": experiment, **(page.first if page else {})}
