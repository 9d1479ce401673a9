"""Files that people name: opened in one place only, as regular files of a limited size.

On one's own machine a person may name any file. On a shared host the environment variable
`UNROLL_CORPORA` names the folder that files may be read from, the boundary. Every process that has
it obeys it by itself, the worker too. Names are relative to that folder then. Outside of it the
answer is the same sentence whatever is there.

A path is resolved once; then each of its parts is opened without following links, and what counts
is what was opened. Whoever swaps a file for a link between the check and the use gains nothing.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import io
import os
import stat
import zlib
from pathlib import Path

from core.formatting import inline_text, shortened
from core.settings import BadSetting, Settings, settings_of, shown

CORPORA = "UNROLL_CORPORA"
"""The environment variable that names the boundary."""

MEBIBYTE = 2**20

MAX_TEXT_BYTES = 64 * MEBIBYTE
"""Of a text to train on, unpacked: half a million pairs of sentences. As numbers they take about
1 GiB of memory."""

MAX_UPLOAD_BYTES = 16 * MEBIBYTE
"""Of a file that is uploaded or scored: 200,000 sentences of 80 letters. It fits, with what a form
adds, through a proxy that lets 20 MB through."""

MAX_LINES = 1_000_000
"""Of a text: each line costs 60 bytes of memory beside its letters."""

MAX_LETTERS = 20_000
"""Of a line: a source and a target of the longest length that can be trained, 1,000 words."""

DIGEST_LETTERS = 12

GZIP_MEMBER = b"\x1f\x8b\x08"
MAX_MEMBERS = 10_000
"""Of a gzip file: a part of its own for every 16 KiB of the largest text. Empty ones cost time."""

FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | getattr(os, "O_PATH", os.O_RDONLY)
FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC
"""O_NONBLOCK: a pipe that nobody writes to is opened, and refused, at once."""

KINDS = {
    stat.S_IFDIR: "it is a folder",
    stat.S_IFIFO: "it is a pipe",
    stat.S_IFSOCK: "it is a socket",
    stat.S_IFCHR: "it is a device",
    stat.S_IFBLK: "it is a device",
    stat.S_IFLNK: "it was replaced by a link",
}


class NotReadable(Exception):
    """Why a file cannot be read, in a few words."""


def boundary() -> Path | None:
    """The folder that files may be read from, resolved; None where any file may be."""
    named = os.environ.get(CORPORA, "").strip()
    return Path(os.path.realpath(named)) if named else None


def quoted(name: str) -> str:
    """A file's name as a sentence quotes it: in one line, its end too if it is long."""
    return shortened(repr(inline_text(name)), 100)


def resolve(field: str, name: str) -> Path:
    """The path that a name means, without links. Nothing is opened.

    Raises `BadSetting` with the same sentence for everything outside the boundary.
    """
    root = boundary()
    try:
        if root is None:
            return Path(os.path.realpath(Path(name).expanduser()))
        path = Path(name)
        for start in (root, Path(os.environ[CORPORA].strip())):  # which may itself be a link
            path = path.relative_to(start) if path.is_relative_to(start) else path
        # ".." is never followed: after a folder elsewhere it would tell whether that is there.
        if not path.is_absolute() and ".." not in path.parts:
            real = Path(os.path.realpath(root / path))
            if real.is_relative_to(root):
                return real
    except (ValueError, RuntimeError, OSError):  # a zero byte; ~ of nobody
        if root is None:
            raise BadSetting(
                f"{field} is {quoted(name)}, which cannot be the name of a file; give another one"
            ) from None
    raise BadSetting(
        f"{field} is {quoted(name)}, which is outside the folder that files may be read from here; "
        "give the name of a file in that folder, or upload it"
    )


def absolute(field: str, name: str) -> str:
    """The name as every process finds the file by it: a worker may run in another folder.

    Where there is a boundary names are relative to it, and stay as they are.
    """
    resolve(field, name)
    return name if boundary() else os.path.abspath(Path(name).expanduser())  # noqa: PTH100 - ".."


def digest(field: str, name: str) -> str:
    """The beginning of the SHA-256 of a file's content, computed once while it does not change.

    Raises what `read` raises.
    """
    path = resolve(field, name)
    try:
        status = path.stat()
    except OSError:
        return _digest(field, name, None)
    return _digest(field, name, (status.st_mtime_ns, status.st_size, status.st_ino))


def full_path_and_digest(
    file: str, sha256: str, *, field: str, value: str, value_of_file: str
) -> tuple[str, str]:
    """The full path of a file that a run reads if its setting `field` is `value_of_file`, and the
    SHA-256 of its content; both as they are, if that is known already or no file is read.

    Raises `BadSetting` as `digest` does, and for a file that would not be read.
    """
    if value != value_of_file and file:
        raise BadSetting(
            f"file is {shown(file)}, and {field} is {value!r}; give {field} {value_of_file!r} to "
            "read it, or no file"
        )
    if value != value_of_file or sha256:
        return file, sha256
    name = absolute("file", file)
    return name, digest("file", name)


@functools.lru_cache(maxsize=64)
def _digest(field: str, name: str, _status: object) -> str:
    return hashlib.sha256(read(field, name)).hexdigest()[:DIGEST_LETTERS]


def require_unchanged(field: str, name: str, sha256: str) -> None:
    """Raise `BadSetting` where a file is not what it was when a run was asked for; no digest, no
    such run."""
    now = digest(field, name) if sha256 else ""
    if now != sha256:
        raise BadSetting(
            f"{field} is {quoted(name)}, whose content is not what it was when this run was asked "
            f"for (SHA-256 {sha256}… then, {now}… now); queue it anew"
        )


def require_inside(config: Settings) -> None:
    """Raise `BadSetting` where a setting names a file or folder outside the boundary.

    Whoever queues a run asks this, so that a refusal comes at once and not from the worker.
    """
    for setting in settings_of(type(config)):
        name = config.flat()[setting.name] if setting.reads and boundary() else None
        if isinstance(name, str) and name:
            resolve(setting.name, name)


def read(field: str, name: str, limit: int = MAX_TEXT_BYTES) -> bytes:
    """The content of a file that a person named.

    Raises `BadSetting`, naming field and file, if it lies outside the boundary, is not a regular
    file, has more than `limit` bytes or cannot be read.
    """
    path = resolve(field, name)
    try:
        return _content(boundary() or Path("/"), path, limit)
    except NotReadable as reason:
        raise BadSetting(
            f"{field} is {quoted(name)}, which cannot be read ({reason}); give a file of at most "
            f"{limit // MEBIBYTE} MiB"
        ) from None


def read_within(folder: Path, name: str, limit: int) -> bytes:
    """The content of a file of a folder that the program made. Raises `NotReadable`."""
    root = Path(os.path.realpath(folder))
    path = Path(os.path.realpath(root / name))
    if not path.is_relative_to(root):
        raise NotReadable("it is a link to elsewhere")
    return _content(root, path, limit)


def _content(root: Path, path: Path, limit: int) -> bytes:
    """Open each part of a resolved path below `root` without following links, and read the file."""
    *folders, last = path.relative_to(root).parts or (".",)
    try:
        folder = os.open(root, FOLDER)
        try:
            for part in folders:
                inner = os.open(part, FOLDER, dir_fd=folder)
                os.close(folder)
                folder = inner
            # Looked at before it is opened, too: opening a device may already do something.
            _require_regular(os.stat(last, dir_fd=folder, follow_symlinks=False), limit)
            descriptor = os.open(last, FILE, dir_fd=folder)
        finally:
            os.close(folder)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor has no path
            size = _require_regular(os.fstat(descriptor), limit)
            content = file.read(size + 1)
    except OSError as error:
        raise NotReadable((error.strerror or str(error)).lower()) from None
    if len(content) > size:
        raise NotReadable("it grows while it is read")
    return content


def _require_regular(status: os.stat_result, limit: int) -> int:
    """The size of a regular file."""
    if not stat.S_ISREG(status.st_mode):
        raise NotReadable(KINDS.get(stat.S_IFMT(status.st_mode), "it is not a regular file"))
    if status.st_size > limit:
        raise NotReadable(f"it has {-(-status.st_size // MEBIBYTE):,} MiB")
    return status.st_size


def unpacked(field: str, name: str, content: bytes, limit: int = MAX_TEXT_BYTES) -> bytes:
    """What a gzip file holds, of which no more than `limit` bytes are ever unpacked."""
    try:
        if content.count(GZIP_MEMBER) > MAX_MEMBERS:
            raise gzip.BadGzipFile
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            text = file.read(limit + 1)
    except gzip.BadGzipFile:
        reason = "is not a gzip file, or damaged; get it again"
    except (EOFError, zlib.error):
        reason = "ends too early; it was cut off, get it again"
    else:
        if len(text) <= limit:
            return text
        reason = f"has more than {limit // MEBIBYTE} MiB when it is unpacked; give at most that"
    raise BadSetting(f"{field} is {quoted(name)}, which {reason}")


ARCHIVES = {
    b"PK\x03\x04": "a zip archive, or a spreadsheet",
    b"\x1f\x8b": "compressed by gzip (a file called .gz is unpacked, once)",
    b"BZh": "compressed by bzip2",
    b"\xfd7zXZ": "compressed by xz",
    b"(\xb5/\xfd": "compressed by zstd",
    b"\xff\xfe\0\0": "UTF-32 text",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
}
"""How files begin that people take for text."""


def text_lines(field: str, name: str, content: bytes, max_lines: int = MAX_LINES) -> list[str]:
    """The lines of a UTF-8 text, without their ends; the last one may have none.

    Lines end as on Unix, Windows or old Macs. Raises `BadSetting`, naming field, file and line, for
    a text that is empty, has too many lines or too long ones, is not UTF-8 or has zero bytes.
    """
    shown = quoted(name)
    for beginning, kind in ARCHIVES.items():
        if content.startswith(beginning):
            raise BadSetting(
                f"{field} is {shown}, whose line 1 is not UTF-8: it is {kind}; give a plain text"
            )
    if b"\n" not in content:
        content = content.replace(b"\r", b"\n")
    count = content.count(b"\n") + (not content.endswith(b"\n"))
    if count > max_lines:
        raise BadSetting(
            f"{field} is {shown}, which has {count:,} lines; give at most {max_lines:,}"
        )
    lines: list[str] = []
    # Not splitlines, which also splits at characters that a sentence may contain.
    encoded = content.removeprefix(b"\xef\xbb\xbf").removesuffix(b"\n").split(b"\n")
    for number, line in enumerate(encoded, start=1):
        fault = ""
        try:
            lines.append(line.decode().rstrip("\r"))
        except UnicodeDecodeError:
            fault = "is not UTF-8; save it as UTF-8"
        if not fault and b"\0" in line:
            fault = "has a zero byte; give a text file"
        if not fault and "\r" in lines[-1]:
            fault = "has an end of line of another kind within; save it with one kind"
        if not fault and len(lines[-1]) > MAX_LETTERS:
            fault = f"has {len(lines[-1]):,} letters; give at most {MAX_LETTERS:,}"
        if fault:
            raise BadSetting(f"{field} is {shown}, whose line {number:,} {fault}")
    if not any(map(str.strip, lines)):
        raise BadSetting(f"{field} is {shown}, which is empty; give one sentence a line")
    return lines
