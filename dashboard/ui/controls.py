"""Widgets whose value is part of the page's address, so that a link reopens the same view.

The address holds the value: a widget is set from it in every run and writes to it on a change.
Only what somebody does writes to it. Each write is an entry in the browser's history: a page that
completed or corrected its own address would catch the Back button, which then leads to what is
rewritten at once. So a default is left out, and a bad value stays until something is changed.

Streamlit's own `bind="query-params"` (1.67) cannot do this here. It writes the label that people
read, so an address could not hold a run's id; it forbids every other write to a parameter, such
as a click in a table or a choice that resets another; it leaves out every default, even one that
changes when newer runs arrive; and it drops a bad value without saying so.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from datetime import date
from typing import TYPE_CHECKING, Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.formatting import inline_text
from core.settings import BadSetting
from dashboard.ui.text import plain

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator
    from streamlit.elements.lib.mutable_tab_container import TabContainer

MAX_DIGITS = 18
"""A longer number in an address is refused: reading one of thousands of digits takes long."""

MAX_INTEGER = 2**53 - 1
"""The largest whole number that a browser can hold."""

MAX_LIST = 100
"""Letters of a list of the possible values; of a longer one only the length is given."""

MAX_SIDE_BY_SIDE = 9
"""Buttons in one row; more become a menu."""

NONE = "none"
"""The address's value for an empty choice where the default is not empty."""

FORMER_KEYS = {"sweep": "comparison"}
"""What links called some keys until November 2026."""

_notices: ContextVar[DeltaGenerator | None] = ContextVar("notices", default=None)

_instead: ContextVar[dict[str, list[str]] | None] = ContextVar("instead", default=None)
"""Key → what this run of the page takes instead of what the address asks for."""


@contextlib.contextmanager
def notices() -> Iterator[None]:
    """Show notices about the address here, at the top of the page, while the block runs."""
    token, replaced = _notices.set(st.container()), _instead.set({})
    try:
        yield
    finally:
        _notices.reset(token)
        _instead.reset(replaced)


def say_bad_link(
    key: str, wanted: str, instead: str, outcome: str = "The default is shown instead."
) -> None:
    """Explain that the address asks for something that does not exist."""
    asked = (
        f"The address asks for {key} “{inline_text(wanted)}”, which is not available ({instead}). "
    )
    (_notices.get() or st).warning(plain(asked) + outcome, icon=":material/link_off:")


# The address: reading, checking and writing it.


def asked(key: str) -> list[str]:
    """What the address asks for under a key, or what is taken instead in this run of the page."""
    _catch_up()
    instead = _instead.get() or {}
    if key in instead:
        return instead[key]
    return st.query_params.get_all(key) or st.query_params.get_all(FORMER_KEYS.get(key, key))


def take_instead(key: str, values: Sequence[str]) -> None:
    """Take these values in this run of the page; the next change writes them to the address."""
    instead = _instead.get()
    if instead is not None:
        instead[key] = list(values)


def _first(key: str) -> str:
    return (asked(key) or [""])[0]


def put(key: str, value: str | Sequence[str], default: str | Sequence[str]) -> None:
    """Put a value into the address, which leaves out a default."""
    st.query_params.pop(FORMER_KEYS.get(key, ""), None)
    if value == default:
        drop(key)
    else:
        st.query_params[key] = value
        _hold(key)


def drop(key: str) -> None:
    """Take a key out of the address."""
    st.query_params.pop(key, None)
    _hold(key)


def replace(settings: Mapping[str, str]) -> None:
    """Put these and nothing else into the address."""
    held = st.session_state.setdefault(HELD, {})
    forgotten = [*st.query_params, *(key for page, key in held if page == _page())]
    st.query_params.from_dict(dict(settings))
    for key in {*forgotten, *settings}:
        _hold(key)


HELD = "written to the address"
"""In the session: (page, key) → what was last written, and when."""

HOLD_SECONDS = 1.0
"""By then the browser knows a new address."""


def _hold(key: str) -> None:
    """Remember what was just written: a second click that comes before the browser has the new
    address brings the old one along, which would undo the first."""
    held = st.session_state.setdefault(HELD, {})
    held[_page(), key] = (st.query_params.get_all(key), time.monotonic())


def _catch_up() -> None:
    """Write again what an address that came too late does not have."""
    held: dict[tuple[str, str], tuple[list[str], float]] = st.session_state.get(HELD, {})
    now, page = time.monotonic(), _page()
    for (of_page, key), (values, written) in list(held.items()):
        if now - written > HOLD_SECONDS:
            del held[of_page, key]
        elif of_page == page and st.query_params.get_all(key) != values:
            if values:
                st.query_params[key] = values
            else:
                st.query_params.pop(key, None)


def _page() -> str:
    context = get_script_run_ctx()
    return context.page_script_hash if context else ""


def whole_number(asked: str) -> bool:
    """Whether the text is a whole number of a reasonable length."""
    return asked.isdecimal() and len(asked) <= MAX_DIGITS


def at_most(key: str, last: int, possible: int) -> None:
    """Move a position back to the last one where what it counts has become shorter.

    A position beyond `possible` stays, so that the widget explains it.
    """
    wanted = _first(key)
    if whole_number(wanted) and last < int(wanted) <= possible:
        take_instead(key, [str(last)])


def check(key: str, options: Sequence[str]) -> bool:
    """Whether the address asks for one of the options, or for nothing; explain it if not."""
    wanted = _first(key)
    if not wanted or wanted in options:
        return True
    say_bad_link(key, wanted, _known(options))
    return False


def opened(key: str, names: Sequence[str]) -> Sequence[str]:
    """The names of the cards that are open in the address; a notice for one that is none."""
    wanted = asked(key)
    known = [name for name in wanted if name in names]
    if len(known) < len(wanted):
        say_bad_link(key, next(name for name in wanted if name not in names), _known(names))
        take_instead(key, known)
    return known


def keep_opened(key: str, names: Sequence[str], name: str) -> None:
    """Keep in the address whether a card is open; its expander's key is `key-name`."""
    others = [other for other in asked(key) if other in names and other != name]
    now = [*others, name] if st.session_state[f"{key}-{name}"] else others
    st.query_params[key] = sorted(now, key=names.index)
    _hold(key)


def requested(key: str, options: Sequence[str]) -> str:
    """The option that the address asks for, or an empty text; explain and drop a bad one."""
    if check(key, options):
        return _first(key)
    take_instead(key, [])
    return ""


def value(key: str, options: Sequence[str], default: str) -> str:
    """The value of a `choice` of that key, without showing it."""
    wanted = _first(key)
    return wanted if wanted in options else default


def _requested_list(key: str, options: Sequence[str], instead: str) -> list[str]:
    """The options that the address asks for, in its order; explain and drop bad ones."""
    wanted = asked(key)
    known = [option for option in wanted if option in options]
    if len(known) < len(wanted):
        unknown = next(option for option in wanted if option not in options)
        outcome = "The others are shown." if known else "The default is shown instead."
        say_bad_link(key, unknown, instead, outcome)
        take_instead(key, known)
    return known


def _known(options: Sequence[str]) -> str:
    known = ", ".join(options)
    return known if len(known) <= MAX_LIST else f"{len(options)} others are"


def _bound(name: str, value: Any, write: Callable[[Any], None]) -> dict[str, Any]:
    """The arguments that show `value` in a widget and `write` what somebody changes it to."""
    widget, instead = f"control {name}", _instead.get()
    # Only where it differs: what is set here is set in the browser too, and would take back a click
    # that is on its way.
    if widget not in st.session_state or st.session_state[widget] != value:
        st.session_state[widget] = value

    def change() -> None:
        for key, values in (instead or {}).items():
            put(key, values, [])
        write(st.session_state[widget])

    return {"key": widget, "on_change": change}


# One of several.


def choice(
    title: str,
    options: Sequence[str],
    key: str,
    *,
    default: str = "",
    then: Callable[[str], None] | None = None,
    most: int = MAX_SIDE_BY_SIDE,
    names: Mapping[str, str] | None = None,
    help: str | None = None,
    disabled: bool = False,
) -> str:
    """One of several options: the default (the first, if none is given) unless the address says
    otherwise.

    Up to `most` options are buttons side by side, more are a menu. `names` are what people read
    instead of an option. `then` is called with an option that somebody chooses.
    """
    default = default or options[0]

    def write(chosen: str) -> None:
        put(key, chosen, default)
        if then is not None:
            then(chosen)

    shared: dict[str, Any] = {
        **_bound(key, requested(key, options) or default, write),
        "format_func": lambda option: (names or {}).get(option, option),
        "help": help,
        "disabled": disabled,
    }
    if len(options) > most:
        return str(st.selectbox(title, options, **shared))
    return str(st.segmented_control(title, options, required=True, wrap=True, **shared) or default)


def pick(
    title: str,
    options: Sequence[str],
    key: str,
    default: str,
    *,
    resets: Sequence[str] = (),
    names: Mapping[str, str] | None = None,
    instead: str | None = None,
) -> str:
    """One of many options that people named: the default, which may change when newer runs
    arrive, unless the address says otherwise. Whatever somebody chooses is put there, the default
    too. `names` are what people read instead of an option; `instead` is what is shown whatever
    the address says, and nothing if it is empty.

    Choosing another option drops the keys in `resets` from the address.
    """
    if instead is not None:
        take_instead(key, [instead] if instead else [])
        default = instead
    chosen_now = requested(key, options) or default

    def write(chosen: str) -> None:
        put(key, chosen, "")
        for other in resets:
            drop(other)

    return str(
        st.selectbox(
            title,
            options,
            format_func=lambda option: inline_text((names or {}).get(option, option)),
            **_bound(key, chosen_now or None, write),
        )
        or ""
    )


def pick_or_type(
    title: str,
    options: Sequence[str],
    key: str,
    default: str,
    read: Callable[[str], str],
    *,
    help: str | None = None,
) -> str:
    """One of some options, or anything that somebody types and `read` accepts.

    `read` returns a typed text as an option, or raises `BadSetting` with a sentence.
    """
    chosen, wanted = default, _first(key)
    if wanted:
        try:
            chosen = read(wanted)
        except BadSetting as error:
            say_bad_link(key, wanted, str(error))
            take_instead(key, [])
    known = list(dict.fromkeys([*options, chosen]))
    widget = _bound(key, chosen, lambda typed: put(key, typed or "", ""))
    st.selectbox(title, known, accept_new_options=True, help=help, **widget)
    return chosen


def tabs(titles: Sequence[str], key: str) -> Sequence[TabContainer]:
    """Tabs, of which the open one is in the address."""
    opened = requested(key, titles) or titles[0]
    return st.tabs(titles, **_bound(key, opened, lambda chosen: put(key, chosen, titles[0])))


def switch(
    title: str, key: str, *, default: bool = False, help: str | None = None, disabled: bool = False
) -> bool:
    """On or off: the default unless the address says otherwise."""
    usual = str(default).lower()
    on = (requested(key, ("true", "false")) or usual) == "true"
    widget = _bound(key, on, lambda now: put(key, str(now).lower(), usual))
    return st.toggle(title, help=help, disabled=disabled, **widget)


def position(
    title: str,
    options: Sequence[str],
    key: str,
    default: str,
    *,
    help: str | None = None,
    disabled: bool = False,
) -> str:
    """A slider over ordered options: the default unless the address says otherwise."""
    at = requested(key, options) or default
    widget = _bound(key, at, lambda chosen: put(key, chosen, default))
    return str(st.select_slider(title, options, help=help, disabled=disabled, **widget))


# Several of many.


def any_of(title: str, options: Sequence[str], key: str) -> list[str]:
    """Any of a few options as a filter; none means that it does not matter."""
    known = _requested_list(key, options, _known(options))
    return _pills(title, options, _bound(key, known, lambda chosen: put(key, chosen, [])))


def any_of_many(
    title: str,
    options: Sequence[str],
    key: str,
    *,
    then: Callable[[Sequence[str]], None] | None = None,
    placeholder: str | None = None,
    help: str | None = None,
) -> list[str]:
    """Any of many options, in the order chosen; none unless the address says otherwise.

    `then` is called with what somebody chooses.
    """

    def write(chosen: Sequence[str]) -> None:
        put(key, list(chosen), [])
        if then is not None:
            then(chosen)

    widget = _bound(key, _requested_list(key, options, _known(options)), write)
    return list(st.multiselect(title, options, placeholder=placeholder, help=help, **widget))


def some_of(
    title: str,
    options: Sequence[str],
    key: str,
    default: Sequence[str],
    *,
    help: str | None = None,
) -> list[str]:
    """Any of a few options, in the order offered: the default unless the address says otherwise,
    which may also ask for none.
    """
    empty = "" if NONE in options else NONE
    nothing = asked(key) in ([empty], [""])
    wanted = [] if nothing else _requested_list(key, options, _known(options)) or list(default)

    def write(chosen: Sequence[str]) -> None:
        ordered = [option for option in options if option in chosen]
        put(key, ordered or [empty], list(default) or [empty])

    ordered = [option for option in options if option in wanted]
    return _pills(title, options, _bound(key, ordered, write), help)


def _pills(
    title: str, options: Sequence[str], widget: dict[str, Any], help: str | None = None
) -> list[str]:
    st.pills(
        title, options, selection_mode="multi", format_func=plain, wrap=True, help=help, **widget
    )
    return list(st.session_state[widget["key"]])


def several(
    title: str,
    options: Mapping[str, str],
    key: str,
    default: Sequence[str],
    *,
    instead: str = "it may have been deleted",
    placeholder: str | None = None,
) -> list[str]:
    """At least one of many, by id: the address holds ids, people read the names.

    Without any in the address it is the default, which may change when newer runs arrive, and may
    be none. `instead` says why an id of the address may be unknown.
    """
    known = _requested_list(key, list(options), instead) or list(default)
    widget = _bound(key, known, lambda chosen: put(key, chosen, list(default)))
    chosen = st.multiselect(
        title,
        list(options),
        format_func=lambda i: options[i],
        placeholder=placeholder,
        **widget,
    )
    return list(chosen) or list(default)


def pinned(title: str, options: Sequence[str], key: str, default: Sequence[str]) -> list[str]:
    """At least one of several by name, in the order offered: the default, which may change when
    newer runs arrive, unless the address says otherwise.
    """
    wanted = _requested_list(key, options, f"{len(options)} others are")

    def ordered(chosen: Sequence[str]) -> list[str]:
        return [option for option in options if option in chosen] or list(default)

    widget = _bound(key, ordered(wanted), lambda chosen: put(key, ordered(chosen), []))
    st.multiselect(title, list(options), **widget)
    return ordered(wanted)


# Texts, days and numbers.


def words(
    title: str,
    key: str,
    *,
    default: str = "",
    placeholder: str = "",
    help: str | None = None,
    disabled: bool = False,
) -> str:
    """A line of text: the default unless the address says otherwise."""
    wanted = (asked(key) or [default])[0]
    widget = _bound(key, wanted, lambda typed: put(key, typed, default))
    return str(
        st.text_input(title, placeholder=placeholder, help=help, disabled=disabled, **widget)
    )


def day(title: str, key: str) -> date | None:
    """A day, none unless the address names one."""
    wanted = _first(key)
    chosen: date | None = None
    try:
        chosen = date.fromisoformat(wanted) if wanted else None
    except ValueError:
        say_bad_link(key, wanted, "give a day as 2026-11-23")
        take_instead(key, [])
    widget = _bound(key, chosen, lambda now: put(key, now.isoformat() if now else "", ""))
    st.date_input(title, format="YYYY-MM-DD", **widget)
    return chosen


def number(title: str, low: int, high: int, key: str, default: int) -> int:
    """A whole number: the default unless the address says otherwise."""
    allowed = f"{low:,} to {high:,} is possible"
    entered = amount(title, key, default, kind=int, low=low, high=high, allowed=allowed, step=1)
    return int(entered or 0)


def amount(
    title: str,
    key: str,
    default: float | None,
    *,
    kind: type[int] | type[float],
    low: float | None,
    high: float | None,
    allowed: str,
    **more: Any,
) -> int | float | None:
    """A number of a kind: the default, which may be none, unless the address says otherwise.

    `allowed` says what is possible where the address asks for something else.
    """
    entered = amount_in_address(key, default, kind=kind, low=low, high=high, allowed=allowed)
    return st.number_input(
        title,
        None if low is None else kind(low),
        None if high is None else kind(high),
        value=None if default is None else "min",  # none can be cleared
        **_bound(key, entered, lambda now: put(key, digits(now), digits(default))),
        **more,
    )


def amount_in_address(
    key: str,
    default: float | None,
    *,
    kind: type[int] | type[float],
    low: float | None,
    high: float | None,
    allowed: str,
) -> int | float | None:
    """The value of an `amount` of that key, without showing it; explain a bad one."""
    wanted = _first(key)
    if wanted:
        read = _read_number(wanted, kind)
        if read is not None and _within(read, low, high):
            return read
        say_bad_link(key, wanted, allowed)
        take_instead(key, [])
    return default if default is None else kind(default)


def _read_number(asked: str, kind: type[int] | type[float]) -> int | float | None:
    try:
        read: int | float = int(asked) if whole_number(asked) else float(asked)
    except ValueError:
        return None
    if not math.isfinite(read) or (kind is int and (read != int(read) or abs(read) > MAX_INTEGER)):
        return None
    return kind(read)


def _within(number: float, low: float | None, high: float | None) -> bool:
    return (low is None or number >= low) and (high is None or number <= high)


def digits(number: float | None) -> str:
    """A number as the address holds it; empty for none."""
    if number is None:
        return ""
    return str(int(number)) if number == int(number) else str(number)


def span(title: str, low: int, high: int, key: str) -> tuple[int, int]:
    """A range of whole numbers: all of it unless the address says otherwise."""
    if low == high:
        return low, high
    wanted = asked(key)
    ends = sorted(min(max(int(end), low), high) for end in wanted if whole_number(end))
    if wanted and (len(ends) != 2 or ends[0] == ends[1]):
        say_bad_link(key, " to ".join(wanted), f"{low} to {high} is possible")
        take_instead(key, [])
        ends = []

    def write(chosen: tuple[int, int]) -> None:
        put(key, [str(end) for end in chosen], [str(low), str(high)])

    widget = _bound(f"{key} from {low} to {high}", tuple(ends) or (low, high), write)
    chosen: Any = st.slider(title, low, high, **widget)
    return int(chosen[0]), int(chosen[1])
