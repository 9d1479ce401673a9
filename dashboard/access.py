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
from experiments.team import OPEN_NAME, TEAM_VARIABLE, Access, confine_files, team

OPEN_VARIABLE = "UNROLL_OPEN_TO_EVERYONE"
"""Set by `python -m dashboard --open-to-everyone`: people need not sign in."""

OPEN_LIMITS = Limits(queued=50, running=1, minutes=30.0, memory=4.0)
"""What somebody without a name may ask of the machine, where no file says otherwise."""

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
    if not _signs_in():
        if not _open():
            return person_of_process()
        role = settings.access.role({}) if settings else "runner"
        return Person(OPEN_NAME, role or "viewer", limits)
    claims = st.user.to_dict()
    role = (settings.access if settings else Access()).role(claims)
    return person_of(claims, role or "viewer", limits)


def person_of(claims: Mapping[str, Any], role: Role, limits: Limits) -> Person:
    """Somebody who has signed in with these claims."""
    name = str(claims.get("email") or claims.get("name") or claims.get("sub") or "?")
    return Person(name, role, Limits() if role == "admin" else limits)


def require_sign_in() -> None:
    """Stop the page unless somebody has signed in who may look at it."""
    if not _signs_in():
        return
    if not _has_signed_in():
        st.title("Unroll", anchor=False)
        st.markdown("This dashboard belongs to a team. Sign in to see what it has measured.")
        if _by_headers():
            st.caption("The proxy in front of it has sent nobody's name.")
        elif st.button("Sign in", type="primary", icon=":material/login:", key="sign-in"):
            st.login()
        st.stop()
    settings = team()
    claims = st.user.to_dict()
    if (settings.access if settings else Access()).role(claims) is None:
        name = person_of(claims, "viewer", Limits()).name
        st.title("Unroll", anchor=False)
        st.markdown(
            plain(
                f"You have signed in as {inline_text(name)}, who has no access to this dashboard."
            )
        )
        st.caption(
            "Whoever runs it can add the address to `viewers`, `runners` or `admins` of its "
            "section `[access]`."
        )
        _sign_out_button()
        st.stop()


def account_menu() -> None:
    """Who has signed in, what they may do, and how to sign out; nothing on one's own machine."""
    if not (_signs_in() or _open()):
        return
    who = person()
    with st.container(key="account"):
        st.caption(plain(f"{inline_text(who.name)}, {who.role}"), help=RIGHTS[who.role])
        if _signs_in() and not _by_headers():
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


def _signs_in() -> bool:
    return _by_headers() or bool(get_secrets_auth_section())


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
