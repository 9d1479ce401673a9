"""Who uses the dashboard, and what they may do.

On one's own machine that is the account, who may do everything. Where people sign in (Streamlit's
`st.login`, by the section `[auth]` of the file that `UNROLL_TEAM` names, or a proxy's headers),
`[access]` says who is a viewer, a runner or an admin. Rights are enforced by the store, which every
page uses as the person at the page (`cache.store`); what is drawn here only says so beforehand.
"""

from __future__ import annotations

import ipaddress
import os
import re
import threading
from collections.abc import Iterable, Mapping
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

import streamlit as st
from streamlit import config
from streamlit.auth_util import get_secrets_auth_section
from streamlit.runtime.secrets import secrets_singleton

from core.formatting import inline_text
from core.settings import BadSetting
from core.store.people import RIGHTS, Limits, NotAllowed, Person, Role, person_of_process
from core.store.records import RunRecord
from dashboard.ui.text import plain
from experiments.team import (
    OPEN_LIMITS,
    OPEN_NAME,
    OPEN_VARIABLE,
    TEAM_VARIABLE,
    Access,
    confine_files,
    team,
)

LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


def secrets() -> Mapping[str, Any] | None:
    """What Streamlit's sign-in needs to know of the team's file."""
    settings = team()
    return {"auth": dict(settings.auth)} if settings and settings.auth else None


def configure() -> None:
    """Tell Streamlit under which host names it may be reached, before it begins to serve.

    Ends the program where people would get in from other machines without signing in, unless
    somebody has asked for just that.
    """
    secrets_singleton.load_if_toml_exists()  # makes variables of what Community Cloud is told
    try:
        settings = team()
    except BadSetting as error:
        raise SystemExit(str(error)) from None
    hosts = settings.access.hosts if settings else ()
    address = str(config.get_option("server.address") or "")
    outside = not _is_local(address) or any(not _is_local(host) for host in hosts)
    signs_in = bool(settings and settings.auth) or _by_headers()
    if outside and not signs_in and not _open():
        raise SystemExit(
            f"server.address is {address!r}"
            + (f", and hosts are {', '.join(hosts)}" if hosts else "")
            + ": other machines could reach this dashboard, and nobody would have to sign in. Name "
            f"a file with [auth] and [access] in {TEAM_VARIABLE} (docs/hosting.md), or start it "
            "with python -m dashboard --open-to-everyone"
        )
    confine_files(outside)
    allowed = [*LOCAL_HOSTS, *hosts, *([] if address in ("", "0.0.0.0", "::") else [address])]
    config.set_option("server.allowedHosts", ["*"] if _open() and not hosts else allowed)
    # Behind a proxy a page's origin is not the address that Streamlit listens on.
    origins = [f"https://{host}" for host in hosts]
    config.set_option("server.corsAllowedOrigins", origins)


def person() -> Person:
    """The person at the page, with their role; a viewer of nothing has been stopped before."""
    settings = team()
    limits = settings.limits.limits() if settings else OPEN_LIMITS
    if not signs_in():
        if not _open():
            return person_of_process()
        role = settings.access.role({}) if settings else "runner"
        return Person(OPEN_NAME, role or "viewer", limits)
    access, claims = _access(), st.user.to_dict()
    role = access.role(claims) or "viewer"
    return Person(access.name(claims), role, Limits() if role == "admin" else limits)


def _access() -> Access:
    """Who may do what; a proxy that says who somebody is has verified it."""
    settings = team()
    access = settings.access if settings else Access()
    return access.model_copy(update={"trust_unverified": True}) if _by_headers() else access


def role_of(claims: Mapping[str, Any]) -> Role | None:
    """The role of somebody with these claims; None if they may not even look, or are nobody."""
    somebody = any(claims.get(claim) for claim in ("email", "sub", "name"))
    return _access().role(claims) if somebody else None


def require_sign_in() -> None:
    """Stop the page unless somebody has signed in who may look at it."""
    if not signs_in():
        return
    if not _has_signed_in():
        st.title("Unroll", anchor=False)
        st.markdown("This dashboard belongs to a team. Sign in to see what it has measured.")
        if _by_headers():
            st.caption("The proxy in front of it has sent nobody's name.")
        elif st.button("Sign in", type="primary", icon=":material/login:", key="sign-in"):
            st.login()
        st.stop()
    claims = st.user.to_dict()
    if role_of(claims) is None:
        name = str(claims.get("email") or _access().name(claims))
        st.title("Unroll", anchor=False)
        st.markdown(
            plain(
                f"You have signed in as {inline_text(name)}, who has no access to this dashboard."
            )
        )
        st.caption(
            "Whoever runs it can add the address to `viewers`, `runners` or `admins` of its "
            "section `[access]`; an address that the sign-in service has not verified counts for "
            "nothing."
        )
        _sign_out_button()
        st.stop()


def account_menu() -> None:
    """Who has signed in, what they may do, and how to sign out; nothing on one's own machine."""
    if not (signs_in() or _open()):
        return
    who = person()
    with st.container(key="account"):
        st.caption(plain(f"{inline_text(who.name)}, {who.role}"), help=RIGHTS[who.role])
        if signs_in() and not _by_headers():
            _sign_out_button()


def may_launch() -> bool:
    """Whether the person at the page may start runs."""
    return person().may_launch


def may_change(runs: Iterable[RunRecord]) -> bool:
    """Whether the person at the page may cancel, retry, edit and delete all of these runs."""
    who = person()
    return all(who.may_change(run.user) for run in runs)


def say_who_may_change(runs: Iterable[RunRecord]) -> None:
    """Where buttons that change these runs are off: say whom they are for."""
    who = person()
    try:
        for run in runs:
            who.require_change(run.name, run.user)
    except NotAllowed as error:
        st.caption(f":material/lock: {plain(str(error))}")


def say_what_viewers_miss() -> None:
    """On a page whose purpose is to launch: say so to somebody who may not."""
    who = person()
    if not who.may_launch:
        st.info(
            plain(
                f"{inline_text(who.name)} is a viewer here, who {RIGHTS['viewer']}. Ask whoever "
                "runs this dashboard for the role of a runner."
            ),
            icon=":material/visibility:",
        )


def _sign_out_button() -> None:
    if st.button("Sign out", key="sign-out", icon=":material/logout:", type="tertiary"):
        st.logout()


def signs_in() -> bool:
    """Whether people sign in. Once it was so, it stays so: a file that can no longer be read must
    make nobody an admin."""
    settings = team()
    now = _by_headers() or bool(settings and settings.auth) or bool(get_secrets_auth_section())
    if now:
        _SIGN_IN.set()
    return now or _SIGN_IN.is_set()


_SIGN_IN = threading.Event()


def _has_signed_in() -> bool:
    if _by_headers():
        return bool(st.user.get("email") or st.user.get("name"))
    return bool(st.user.is_logged_in)


def _by_headers() -> bool:
    """Whether a proxy says in its headers who has signed in with it."""
    return bool(config.get_option("server.trustedUserHeaders"))


def _open() -> bool:
    return os.environ.get(OPEN_VARIABLE, "") == "yes"


def _is_local(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


Verdict = Literal[204, 401, 403]

READING_POST = re.compile(
    r"/mlflow/graphql"
    r"|/mlflow/(ajax-)?api/[23]\.0/mlflow/"
    r"((runs|experiments|traces|logged-models|datasets)/search|experiments/search-datasets)"
)
"""Requests of MLflow's own UI that read, although they are POSTs."""

STARTS_SOMETHING = ("gateway", "/jobs", "/scorers", "/assistant")
"""What MLflow answers by calling another server or starting a program."""


def mlflow_request(role: Role | None, method: str, address: str, origin: str, host: str) -> Verdict:
    """Whether a request to the MLflow UI goes on: admins change things there, all others read.

    What a runner may change of their own is changed here, because MLflow knows no owners. A request
    that writes must come from a page of this very host.
    """
    if role is None:
        return 401
    path = urlsplit(address).path
    if any(part in unquote(path) for part in STARTS_SOMETHING):
        return 403
    if method in ("GET", "HEAD", "OPTIONS"):
        return 204
    if method == "POST" and READING_POST.fullmatch(path):
        return 204
    if role != "admin" or (origin and urlsplit(origin).netloc != host):
        return 403
    return 204
