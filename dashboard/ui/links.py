"""Links to what a page or a figure shows: to send to somebody else, or to save for everybody.

The address has what a person chose. What was chosen for them (the best sweep that there is now) is
added to the link, so that it still shows the same when there is a better one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

import streamlit as st

from core.settings import BadSetting
from core.store.folder import StoreError
from core.store.saved import MAX_TITLE, MAX_WORDS, Saved, save
from dashboard import access
from dashboard.store import cache
from dashboard.ui.text import plain

ADDED = "link adds"
"""In the session: what this page adds to its link."""

CSS = """
button {
  font: inherit; font-size: 0.875rem; color: inherit; text-align: left;
  background: none; border: 0; padding: 0.25rem 0; cursor: pointer;
}
button:hover, button:focus-visible { color: var(--st-primary-color); }
button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px; }
"""

SCRIPT = r"""
export default function ({ data, parentElement }) {
  const button = parentElement.querySelector("button");
  const write = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch { /* Only a page over TLS, or of this machine, may. */ }
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  };
  button.onclick = async () => {
    const link = new URL(window.location.href);
    for (const [name, values] of Object.entries(data.added)) {
      link.searchParams.delete(name);
      for (const value of values) link.searchParams.append(name, value);
    }
    link.hash = data.place ? `at=${data.place}` : "";
    button.textContent = (await write(link.href)) ? "Copied" : link.href;
    setTimeout(() => { button.textContent = "Copy link"; }, 2000);
  };
  if (data.place || window.unrollShown === window.location.href) return;
  window.unrollShown = window.location.href;
  const asked = window.location.hash.match(/^#at=([\w-]+)$/);
  if (!asked) return;
  // Until the page has its full height, or the reader moves by themselves.
  const until = Date.now() + 10000;
  let found = 0, moved = false;
  for (const kind of ["wheel", "touchstart", "keydown", "mousedown"])
    window.addEventListener(kind, () => { moved = true; }, { once: true, passive: true });
  const look = () => {
    const place = document.querySelector(`.st-key-${asked[1]}`);
    if (place) { place.scrollIntoView({ block: "start" }); found ||= Date.now(); }
    const settled = found && Date.now() > found + 3000;
    if (!moved && !settled && Date.now() < until) setTimeout(look, 200);
  };
  look();
}
"""

_copy = st.components.v2.component(
    "unroll_copy_link",
    html='<button type="button">Copy link</button>',
    css=CSS,
    js=SCRIPT,
)


def also(added: Mapping[str, str | Sequence[str]]) -> None:
    """Let the links of this page name these, too."""
    st.session_state[ADDED] = {
        name: [values] if isinstance(values, str) else [*values] for name, values in added.items()
    }


def copy_page() -> None:
    """A button that copies the address of this page; it also scrolls to what the address names."""
    _copy(key="copy-link", data={"added": st.session_state.get(ADDED, {}), "place": ""})


def save_page(path: str) -> None:
    """Give what this page shows a title and a few words, so that it is found on the Overview."""
    if ADDED not in st.session_state or not access.may_launch():
        return
    with st.popover("Save", type="tertiary", key="save-view"), st.form("save", border=False):
        title = st.text_input("Title", max_chars=MAX_TITLE, key="save-title")
        words = st.text_area(
            "What it shows", max_chars=MAX_WORDS, placeholder="Optional", key="save-words"
        )
        if st.form_submit_button("Save for everybody", icon=":material/bookmark_add:"):
            try:
                save(cache.store(), Saved(title, words, _address(path)))
            except (BadSetting, StoreError) as error:
                st.error(plain(str(error)), icon=":material/block:")
            else:
                cache.reader().forget_saved()
                st.toast("Saved. It is on the Overview.", icon=":material/bookmark_added:")


def _address(path: str) -> str:
    """This page's path and query, with what it adds to its link."""
    query = {name: st.query_params.get_all(name) for name in st.query_params}
    return f"{path}?{urlencode(query | st.session_state.get(ADDED, {}), doseq=True)}"


def copy_figure(key: str) -> None:
    """A button that copies the address of the figure whose container has this key."""
    _copy(key=f"{key}-link", data={"added": st.session_state.get(ADDED, {}), "place": key})
