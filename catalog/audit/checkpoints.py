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
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.utils import timezone

from catalog.audit.chain import GENESIS, seal

MEMBERS: Final = {"seq", "entry_hash", "at", "previous", "seal"}


class BadCheckpoint(ValueError):
    """The checkpoint file was changed, or was signed with another key."""


class NoKey(RuntimeError):
    """TRAIL_CHECKPOINT_KEY is not set, so nothing can be signed or checked."""


def append(*, seq: int, entry_hash: str) -> None:
    """Sign one more checkpoint and write it through to the disk; nothing is written when ``seq`` has one already."""
    key = _key()
    path = Path(settings.TRAIL_CHECKPOINT_FILE)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        lines = _checked(file.read(), key)
        if lines and lines[-1]["seq"] >= seq:
            return
        previous = lines[-1]["seal"] if lines else GENESIS
        at = timezone.now().isoformat(timespec="seconds")
        line = {"seq": seq, "entry_hash": entry_hash, "at": at, "previous": previous}
        file.write(json.dumps({**line, "seal": seal(key, line)}) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read() -> dict[int, str]:
    """seq → entry hash, for every checkpoint. Empty when none was ever written.

    Raises:
        BadCheckpoint: a line does not carry its seal, or lines were removed between others.
        NoKey: there are checkpoints and no key to check them with.
    """
    path = Path(settings.TRAIL_CHECKPOINT_FILE)
    if not path.is_file():
        return {}
    lines = _checked(path.read_text(encoding="utf-8"), _key())
    return {line["seq"]: line["entry_hash"] for line in lines}


def _key() -> str:
    key: str = settings.TRAIL_CHECKPOINT_KEY
    if not key:
        raise NoKey("TRAIL_CHECKPOINT_KEY is not set: checkpoints can be neither signed nor checked.")
    return key


def _checked(text: str, key: str) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    previous = GENESIS
    for number, raw in enumerate(text.splitlines(), start=1):
        line = _line(raw, number)
        given = line.pop("seal")
        if not hmac.compare_digest(str(given), seal(key, line)):
            raise BadCheckpoint(f"line {number} of the checkpoint file does not carry its seal")
        if line["previous"] != previous:
            raise BadCheckpoint(f"lines before line {number} of the checkpoint file were removed")
        previous = given
        lines.append({**line, "seal": given})
    return lines


def _line(raw: str, number: int) -> dict[str, Any]:
    try:
        line = json.loads(raw)
    except ValueError:
        raise BadCheckpoint(f"line {number} of the checkpoint file cannot be read") from None
    if not (isinstance(line, dict) and line.keys() == MEMBERS):
        raise BadCheckpoint(f"line {number} of the checkpoint file is not a checkpoint")
    return line
