"""`python -m tests.faults [ATTACK …]`: every attack, or the named ones; exit status 1 if one of
them harms what it must not harm.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator

from tests.faults import addresses, damage, hostile, kills, people, swarm

ATTACKS: dict[str, Callable[[argparse.Namespace], Iterator[str]]] = {
    "kills": lambda a: kills.kills(a.kills, a.seed, a.stopped),
    "power": lambda a: kills.power_cuts(a.cuts, a.seed),
    "misbehaviours": lambda _: hostile.misbehaviours(),
    "locked": lambda _: damage.locked(),
    "full-disk": lambda _: damage.full_disk(),
    "edited": lambda _: damage.edited(),
    "deleted": lambda _: damage.deleted(),
    "clock": lambda _: damage.jumps(),
    "swarm": lambda a: swarm.swarm(a.runs),
    "addresses": lambda a: addresses.addresses(a.addresses, a.seed),
    "people": lambda a: people.people(a.people, a.minutes, a.seed, warm_up=a.warm_up),
    "people-and-kills": lambda a: people.people(a.people, a.minutes, a.seed, killing=True),
    "page-loads": lambda a: swarm.page_loads(a.loads),
}


def main(words: list[str]) -> int:
    """Run the attacks; print a line for each, and one for every harm that was done."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", allow_abbrev=False)
    parser.add_argument("attacks", nargs="*", metavar="ATTACK", help=", ".join(ATTACKS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--stopped", type=float, default=60.0, help="seconds of a SIGSTOP")
    parser.add_argument("--cuts", type=int, default=50, help="of power: how often")
    parser.add_argument("--runs", type=int, default=500, help="of swarm")
    parser.add_argument("--loads", type=int, default=500, help="of page-loads")
    parser.add_argument("--addresses", type=int, default=1000)
    parser.add_argument("--people", type=int, default=20, help="at once")
    parser.add_argument("--minutes", type=float, default=10.0, help="of people")
    parser.add_argument("--warm-up", type=float, default=10.0, help="of people: minutes before")
    arguments = parser.parse_args(words)
    unknown = [name for name in arguments.attacks if name not in ATTACKS]
    if unknown:
        parser.error(f"attack is {unknown[0]!r}; choose from {', '.join(ATTACKS)}")
    harms = 0
    for name in arguments.attacks or ATTACKS:
        started = time.monotonic()
        *harm, summary = ATTACKS[name](arguments)
        for line in harm:
            print(f"HARM  {name}: {line}", flush=True)
        print(f"{summary}; {len(harm)} harmed ({time.monotonic() - started:.0f} s)", flush=True)
        harms += len(harm)
    return int(harms > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
