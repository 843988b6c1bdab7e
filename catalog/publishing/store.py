"""The public store: published artefacts, plain, each under its own SHA-256, and the outlines that maps of them are drawn
from. All that serving processes can read; only workers write there.

A name promises a hash, and the promise is looked at: what is there already is hashed before it is trusted, and what is
opened is hashed the first time, and again whenever the file is another one by its inode, size or times. Only a sweep
that reads everything again (:mod:`catalog.publishing.verifying`) sees bytes that changed below the file system.
"""

from __future__ import annotations

import hashlib
import json
import stat
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final, TypeAlias

from django.conf import settings
from django.core.files import File
from django.core.files.base import ContentFile

from anonymize.digest import sha256_of
from catalog.audit.alarms import raise_alarm
from catalog.audit.errors import PlatformError, full
from catalog.core.stores import store
from catalog.core.whole_files import whole_file
from catalog.publishing.query.files import forget


class ArtefactMismatch(PlatformError):
    """The bytes at hand are not those that the officer approved. They are not published."""

    code, status, title = "artefact_mismatch", 409, "These are not the approved bytes"
    who = "us"


class ReleaseDamaged(PlatformError):
    """The published file is gone, or holds other bytes than those that were approved. It is not served until it is mended."""

    code, status, title = "release_damaged", 503, "This release cannot be served at the moment"
    who = "us"


class NoRegularFile(OSError):
    """A pipe, a device or a folder under a file's name: opening it would keep whoever does waiting, for ever perhaps."""


NO_FILE: Final = "no file"
"""In the place of a hash, for what lies under a name and is no file at all."""


def name_of(sha256: str) -> str:
    return f"{sha256[:2]}/{sha256}.parquet"


def keep(path: Path, sha256: str) -> str:
    """Put a file into the public store under its hash, after checking it; returns its name there. Workers only.

    Keeping the same bytes twice is one file: the task may run twice. What lies there under the name with other bytes
    (a copy that was cut off, or changed since) is replaced.

    Raises:
        ArtefactMismatch: ``path`` is not what its hash says.
        StoreFull: there is no room left; nothing of it was kept.
    """
    if sha256_of(path) != sha256:
        raise ArtefactMismatch("The artefact's SHA-256 is not the approved one. Nothing was published.")
    with path.open("rb") as source:
        return _put(name_of(sha256), sha256, lambda: File(source))


def _put(name: str, sha256: str, content: Callable[[], File]) -> str:
    if stored_sha256(name) == sha256:
        return name
    public = store("public")
    try:
        saved = public.save(name, content())
    except OSError as error:
        raise full(error) or error from None
    if saved != name:  # a store that keeps what is there puts it under another name
        public.delete(saved)
        raise ArtefactMismatch("The public store holds other bytes under this name, and does not replace them. Nothing was published.")
    return name


def stored_sha256(name: str) -> str | None:
    """The SHA-256 of what the store holds under a name, read whole; None where there is nothing."""
    try:
        with _opened(name) as source:
            return _hashed(source.chunks())
    except FileNotFoundError:
        return None
    except NoRegularFile:
        return NO_FILE


def _opened(name: str) -> File:
    """A file of the store, if it is one. Raises OSError."""
    public = store("public")
    with suppress(NotImplementedError):  # a bucket holds nothing but files
        _fingerprint(Path(public.path(name)))
    opened: File = public.open(name, "rb")
    return opened


def remove(name: str) -> None:
    """Take a file out of the public store. Workers only; one that is gone already is no error."""
    store("public").delete(name)


def _hashed(chunks: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


# --- opening what is published -------------------------------------------------------------------------------------

Fingerprint: TypeAlias = tuple[int, int, int, int, int]  # device, inode, bytes, times of the content and of the inode in ns


@dataclass
class _Verified:
    """The files that this process has hashed, as they were then; least recently asked for out first."""

    most: int = 1_000
    _known: OrderedDict[Path, tuple[str, Fingerprint]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def has(self, path: Path, sha256: str, fingerprint: Fingerprint) -> bool:
        with self._lock:
            return self._known.get(path) == (sha256, fingerprint)

    def put(self, path: Path, sha256: str, fingerprint: Fingerprint) -> None:
        with self._lock:
            self._known[path] = (sha256, fingerprint)
            self._known.move_to_end(path)
            while len(self._known) > self.most:
                self._known.popitem(last=False)


_verified = _Verified()


def is_whole(path: Path, sha256: str) -> bool:
    """Whether a file holds the bytes of a hash; hashed anew only where it is not the file that was hashed before.

    False also for a file that changes while it is read.
    """
    try:
        before = _fingerprint(path)
        if _verified.has(path, sha256, before):
            return True
        if sha256_of(path) != sha256 or _fingerprint(path) != before:
            return False
    except OSError:
        return False
    forget(sha256)  # what is held open may be the file that was here before
    _verified.put(path, sha256, before)
    return True


def _fingerprint(path: Path) -> Fingerprint:
    """Raises :class:`NoRegularFile`, or OSError where there is nothing."""
    seen = path.stat()
    if not stat.S_ISREG(seen.st_mode):
        raise NoRegularFile("not a regular file")
    return (seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)


def local_path(name: str, sha256: str) -> Path:
    """A path that the query engine can open, with the approved bytes: the file itself, or a copy of what lies in S3.

    Raises :class:`ReleaseDamaged`, and the alarm, for anything else.
    """
    try:
        path = Path(store("public").path(name))
    except NotImplementedError:
        path = _cached(name, sha256)
    if not is_whole(path, sha256):
        raise damaged(sha256)
    return path


def damaged(sha256: str) -> ReleaseDamaged:
    """The error for a published file that is not what it was; whoever must know is told."""
    forget(sha256)  # what this process still holds of it may be no better
    raise_alarm(code="release_damaged", subject=("artefact", sha256))
    return ReleaseDamaged(
        "The file of this release is not the one that was approved, so it is not served. Nothing is wrong with your request; "
        "those who run this site have been told, and it comes back once the approved file is in its place."
    )


def _cached(name: str, sha256: str) -> Path:
    """The copy on this machine, fetched where there is none, or none that is whole."""
    path = Path(settings.CACHE_DIR) / "public" / f"{sha256}.parquet"
    if not is_whole(path, sha256):
        with suppress(FileNotFoundError), store("public").open(name, "rb") as source, whole_file(path, mode=0o444) as copy:
            _copy(source.chunks(), copy)
    return path


def _copy(chunks: Iterator[bytes], target: IO[bytes]) -> None:
    for chunk in chunks:
        target.write(chunk)


# --- outlines of places ------------------------------------------------------------------------------------------


def outline_name(sha256: str) -> str:
    return f"{sha256[:2]}/{sha256}.geojson"


def keep_outline(content: bytes) -> str:
    """Keep outlines under their hash, which is the answer. They are of no release: places are public knowledge, and stay."""
    sha256 = hashlib.sha256(content).hexdigest()
    _put(outline_name(sha256), sha256, lambda: ContentFile(content))
    return sha256


def outline(sha256: str) -> dict[str, Any]:
    """Raises :class:`ArtefactMismatch` when the bytes are not those of the hash, OSError when they are gone."""
    try:
        with _opened(outline_name(sha256)) as source:
            content = source.read()
    except OSError:
        raise_alarm(code="outline_damaged", subject=("outline", sha256))
        raise
    if hashlib.sha256(content).hexdigest() != sha256:
        raise_alarm(code="outline_damaged", subject=("outline", sha256))
        raise ArtefactMismatch("The stored outlines are not those that were kept. No map is drawn.")
    places: dict[str, Any] = json.loads(content)
    return places
