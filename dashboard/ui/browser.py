"""What a person's browser does for a page: it keeps a text for them, and scrolls to a place.

A kept text is in the browser's local storage: it survives a reload and a sleeping phone, belongs to
this person alone, and is in no address, so that a shared link carries nothing of theirs. The server
keeps nothing but the session's copy.
"""

from __future__ import annotations

import secrets

import streamlit as st

SCROLL = "scroll to"
"""In the session: the key of the container that the next page shows first, and which time that is:
the browser, which may miss a run of the script, goes there once."""

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
  if (!data.scroll || window.unrollWent === data.time) return;
  const page = location.pathname;
  let tries = 0;
  const look = () => {
    const place = document.querySelector(`.st-key-${data.scroll}`);
    // While the page is being drawn there is nothing below the place to scroll over.
    const drawn = document.querySelector("[data-test-script-state='notRunning']");
    if (location.pathname !== page || ++tries > 1200) return;
    if (!(place && drawn)) return setTimeout(look, 50);
    if (window.unrollWent === data.time) return;
    window.unrollWent = data.time;
    place.scrollIntoView({ block: "start" });
    place.querySelector("summary")?.focus({ preventScroll: true });
  };
  setTimeout(look, 100);
}
"""

_browser = st.components.v2.component("unroll_browser", js=SCRIPT)


def scroll_to(key: str) -> None:
    """Let the next page start at the container of this key (in a button's callback)."""
    st.session_state[SCROLL] = key, secrets.token_hex(4)


def scroll() -> None:
    """Do what `scroll_to` asked for, on a page that keeps no text."""
    if SCROLL in st.session_state:
        data = {"name": "", "text": None, "known": True, **_goal()}
        _browser(key="browser-scroll", data=data)


def _goal() -> dict[str, str]:
    place, time = st.session_state.get(SCROLL, ("", ""))
    return {"scroll": place, "time": time}


def kept(name: str, text: str | None) -> str:
    """The text that the browser keeps under a name, empty until it has answered; a `text` that is
    given replaces it. One call on a page also does what `scroll_to` asked for."""
    known = f"browser knows {name}"
    data = {
        "name": name,
        "text": text,
        "known": st.session_state.get(known, False),
        **_goal(),
    }
    answer = _browser(
        key=f"browser-{name}", data=data, default={"kept": ""}, on_kept_change=lambda: None
    )
    found = str(answer.get("kept") or "")
    st.session_state[known] = bool(found) or text is not None
    return found
