"""Signed checkpoints of the trail, in a file outside the database.

Whoever can rewrite the database can rewrite a hash chain from its start. They cannot make it agree with checkpoints
that are signed with a key they do not hold and kept where they cannot write; copy the file to such a place.
One line of JSON a checkpoint: seq, entry_hash, at, previous (the seal of the line before) and seal.
"""

from __future__ import annotations

import fcntl
import hmac
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from django.conf import settings
from django.utils import timezone

from catalog.audit.chain import GENESIS, seal
from catalog.core.whole_files import sync_folder

MEMBERS: Final = {"seq", "entry_hash", "at", "previous", "seal"}


class BadCheckpoint(ValueError):
    """The checkpoint file was changed, or was signed with another key."""


class NoKey(RuntimeError):
    """TRAIL_CHECKPOINT_KEY is not set, so nothing can be signed or checked."""


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """What the file vouches for: seq → entry hash. ``torn``: its last line was cut off in the middle of being written."""

    vouched: Mapping[int, str]
    torn: bool = False


@dataclass(frozen=True, slots=True)
class Appended:
    """``torn``: a last line that was cut off was removed. ``begun``: there was no file, so one was begun."""

    torn: bool = False
    begun: bool = False


def append(*, seq: int, entry_hash: str) -> Appended:
    """Sign one more checkpoint and write it through to the disk; nothing is written when ``seq`` has one already.

    A last line that was cut off while it was written (by a power cut, or a disk that was full) vouches for nothing and is
    removed first. A line that cannot be written whole is taken back.
    """
    key = _key()
    path = Path(settings.TRAIL_CHECKPOINT_FILE)
    new = not path.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        content = file.read()
        whole = _whole_lines(content)
        lines = _checked(whole, key)
        torn = len(whole) < len(content)
        if torn:
            file.truncate(len(whole))
            os.fsync(file.fileno())
        if not (lines and lines[-1]["seq"] >= seq):
            _write(file, len(whole), _signed(seq, entry_hash, lines[-1]["seal"] if lines else GENESIS, key))
    if new:
        sync_folder(path.parent)
    return Appended(torn, begun=new)


def _signed(seq: int, entry_hash: str, previous: str, key: str) -> bytes:
    line = {"seq": seq, "entry_hash": entry_hash, "at": timezone.now().isoformat(timespec="seconds"), "previous": previous}
    return json.dumps({**line, "seal": seal(key, line)}).encode() + b"\n"


def _write(file: IO[bytes], end: int, line: bytes) -> None:
    """All of the line, or none of it."""
    try:
        written = 0
        while written < len(line):
            written += file.write(line[written:])
        os.fsync(file.fileno())
    except OSError:
        file.truncate(end)
        raise


def read() -> Checkpoints:
    """Every checkpoint. None when none was ever written.

    Raises:
        BadCheckpoint: a line does not carry its seal, or lines were removed between others.
        NoKey: there are checkpoints and no key to check them with.
    """
    path = Path(settings.TRAIL_CHECKPOINT_FILE)
    if not path.is_file():
        return Checkpoints({})
    content = path.read_bytes()
    whole = _whole_lines(content)
    lines = _checked(whole, _key())
    return Checkpoints({line["seq"]: line["entry_hash"] for line in lines}, torn=len(whole) < len(content))


def _whole_lines(content: bytes) -> bytes:
    """Without what stands behind the last line end: a line whose end was never written."""
    return content[: content.rfind(b"\n") + 1]


def _key() -> str:
    key: str = settings.TRAIL_CHECKPOINT_KEY
    if not key:
        raise NoKey("TRAIL_CHECKPOINT_KEY is not set: checkpoints can be neither signed nor checked.")
    return key


def _checked(content: bytes, key: str) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    previous = GENESIS
    for number, raw in enumerate(content.splitlines(), start=1):
        line = _line(raw, number)
        given = line.pop("seal")
        if not hmac.compare_digest(str(given), seal(key, line)):
            raise BadCheckpoint(f"line {number} of the checkpoint file does not carry its seal")
        if line["previous"] != previous:
            raise BadCheckpoint(f"lines before line {number} of the checkpoint file were removed")
        previous = given
        lines.append({**line, "seal": given})
    return lines


def _line(raw: bytes, number: int) -> dict[str, Any]:
    try:
        line = json.loads(raw)
    except ValueError:
        raise BadCheckpoint(f"line {number} of the checkpoint file cannot be read") from None
    if not (isinstance(line, dict) and line.keys() == MEMBERS):
        raise BadCheckpoint(f"line {number} of the checkpoint file is not a checkpoint")
    return line
