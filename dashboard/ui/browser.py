"""What a person's browser does for a page: it keeps a text for them, and scrolls to a place.

A kept text is in the browser's local storage: it survives a reload and a sleeping phone, belongs to
this person alone, and is in no address, so that a shared link carries nothing of theirs. The server
keeps nothing but the session's copy.
"""

from __future__ import annotations

import streamlit as st

SCROLL = "scroll to"
"""In the session: the key of the container that the next page shows first."""

SCRIPT = """
export default function ({ data, setStateValue }) {
  const name = `unroll-${data.name}`;
  try {
    if (data.text !== null) localStorage.setItem(name, data.text);
    else if (!data.known) {
      const kept = localStorage.getItem(name);
      if (kept) setStateValue("kept", kept);
    }
  } catch { /* Where storage is forbidden, a text lasts as long as the session. */ }
  if (!data.scroll) return;
  let tries = 0;
  const look = () => {
    const place = document.querySelector(`.st-key-${data.scroll}`);
    if (!place) { if (++tries < 40) setTimeout(look, 50); return; }
    place.scrollIntoView({ block: "start" });
    place.querySelector("summary")?.focus({ preventScroll: true });
  };
  setTimeout(look, 100);
}
"""

_browser = st.components.v2.component("unroll_browser", js=SCRIPT)


def scroll_to(key: str) -> None:
    """Let the next page start at the container of this key (in a button's callback)."""
    st.session_state[SCROLL] = key


def scroll() -> None:
    """Do what `scroll_to` asked for, on a page that keeps no text."""
    if place := st.session_state.pop(SCROLL, ""):
        data = {"name": "", "text": None, "known": True, "scroll": place}
        _browser(key="browser-scroll", data=data)


def kept(name: str, text: str | None) -> str:
    """The text that the browser keeps under a name, empty until it has answered; a `text` that is
    given replaces it. One call on a page also does what `scroll_to` asked for."""
    known = f"browser knows {name}"
    data = {
        "name": name,
        "text": text,
        "known": st.session_state.get(known, False),
        "scroll": st.session_state.pop(SCROLL, ""),
    }
    answer = _browser(
        key=f"browser-{name}", data=data, default={"kept": ""}, on_kept_change=lambda: None
    )
    found = str(answer.get("kept") or "")
    st.session_state[known] = bool(found) or text is not None
    return found
