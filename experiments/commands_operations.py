"""What the commands for those who keep Unroll running do: logs, health, backups, retention."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from core.settings import BadSetting
from core.store.folder import tracking_uri
from core.store.tracking import open_store
from experiments import backups, operations
from experiments.terminal import say


def health(args: argparse.Namespace) -> int:
    """`health`: say whether the parts work; exit status 1 if one does not."""
    found = operations.health(args.part)
    if args.json:
        print(json.dumps([asdict(part) for part in found], ensure_ascii=False))
    else:
        for part in found:
            print(part.sentence)
    return 0 if all(part.healthy for part in found) else 1


def metrics(args: argparse.Namespace) -> int:
    """`metrics`: print what Prometheus reads."""
    store = open_store()
    print(operations.metrics_text(store, store.runs(metrics=())), end="")
    return 0


def backup(args: argparse.Namespace) -> int:
    """`backup`: copy the whole store into a folder, whose name is printed."""
    print(backups.backup(tracking_uri(), Path(args.to) if args.to else None, say))
    return 0


def restore(args: argparse.Namespace) -> int:
    """`restore FOLDER`: make an empty store what a backup has, or compare the two."""
    folder, into = Path(args.folder), Path(args.into) if args.into else None
    if not args.verify:
        say(backups.restore(folder, tracking_uri(), into, say))
        return 0
    found = backups.verify(folder, tracking_uri(), into)
    for difference in found:
        print(difference)
    say("The store and the backup differ." if found else "The store and the backup are equal.")
    return 1 if found else 0


def upgrade(args: argparse.Namespace) -> int:
    """`upgrade`: bring the store's database up to the installed MLflow."""
    say(backups.upgrade(tracking_uri(), say))
    return 0


def archive(args: argparse.Namespace) -> int:
    """`archive`: archive old runs that nobody starred or pinned, or bring them back."""
    if (args.older_than is None) != args.undo:
        raise BadSetting("older_than is missing; give --older-than 180d, or --undo, one of both")
    if args.undo and args.status:
        raise BadSetting(f"status is {args.status}, but --undo brings back all; give one of both")
    age = 0.0 if args.undo else operations.parse_age(args.older_than)
    store = open_store()
    if args.undo:
        say(operations.unarchive(store, dry_run=args.dry_run))
    else:
        say(operations.archive(store, age, args.status, dry_run=args.dry_run))
        if not args.dry_run:
            say("python -m experiments archive --undo brings them back")
    return 0
