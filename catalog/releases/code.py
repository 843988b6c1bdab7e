"""Which code made an artefact: a hash of the engine's sources and of the libraries it computed with."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path

import anonymize
from anonymize.reports import libraries


@cache
def code_version() -> str:
    """SHA-256 over every source file of the engine, by name, and the versions of the libraries; hex.

    An approval is bound to it (DESIGN.md §6.2): a run by other code is another run.
    """
    root = Path(next(iter(anonymize.__path__)))
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    digest.update(json.dumps(libraries(), sort_keys=True).encode())
    return digest.hexdigest()
