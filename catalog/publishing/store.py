"""The public store: published artefacts, plain, each under its own SHA-256, and the outlines that maps of them are drawn
from. All that serving processes can read."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files import File
from django.core.files.base import ContentFile

from anonymize.digest import sha256_of
from catalog.audit.errors import PlatformError
from catalog.datasets.vault import store


class ArtefactMismatch(PlatformError):
    """The bytes at hand are not those that the officer approved. They are not published."""

    code, status, title = "artefact_mismatch", 409, "These are not the approved bytes"
    who = "us"


def name_of(sha256: str) -> str:
    return f"{sha256[:2]}/{sha256}.parquet"


def keep(path: Path, sha256: str) -> str:
    """Put a file into the public store under its hash, after checking it; returns its name there.

    Keeping the same bytes twice is one file: the task may run twice.
    """
    if sha256_of(path) != sha256:
        raise ArtefactMismatch("The artefact's SHA-256 is not the approved one. Nothing was published.")
    public, name = store("public"), name_of(sha256)
    if not public.exists(name):
        with path.open("rb") as source:
            saved = public.save(name, File(source))
        if saved != name:  # somebody else was faster, with the same bytes
            public.delete(saved)
    return name


def local_path(name: str, sha256: str) -> Path:
    """A path that the query engine can open: the file itself, or a checked copy of what lies in S3."""
    public = store("public")
    try:
        return Path(public.path(name))
    except NotImplementedError:
        return _cached(name, sha256)


def _cached(name: str, sha256: str) -> Path:
    folder = Path(settings.CACHE_DIR) / "public"
    path = folder / f"{sha256}.parquet"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=folder)
    with os.fdopen(handle, "wb") as sink, store("public").open(name, "rb") as source:
        for chunk in source.chunks():
            sink.write(chunk)
    if sha256_of(Path(part)) != sha256:
        os.unlink(part)
        raise ArtefactMismatch("The stored file is not the approved one. It is not served.")
    os.replace(part, path)
    return path


# --- outlines of places ------------------------------------------------------------------------------------------


def outline_name(sha256: str) -> str:
    return f"{sha256[:2]}/{sha256}.geojson"


def keep_outline(content: bytes) -> str:
    """Keep outlines under their hash, which is the answer. They are of no release: places are public knowledge, and stay."""
    sha256 = hashlib.sha256(content).hexdigest()
    public, name = store("public"), outline_name(sha256)
    if not public.exists(name):
        saved = public.save(name, ContentFile(content))
        if saved != name:
            public.delete(saved)
    return sha256


def outline(sha256: str) -> dict[str, Any]:
    """Raises :class:`ArtefactMismatch` when the bytes are not those of the hash, OSError when they are gone."""
    with store("public").open(outline_name(sha256), "rb") as source:
        content = source.read()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ArtefactMismatch("The stored outlines are not those that were kept. No map is drawn.")
    found: dict[str, Any] = json.loads(content)
    return found
