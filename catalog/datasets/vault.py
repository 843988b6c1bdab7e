"""The vault: everybody may put in, only workers can take out.

Files are sealed with age (X25519, ChaCha20-Poly1305) for ``VAULT_RECIPIENT``. The matching identity is read from
``VAULT_IDENTITY_FILE``, which is set for worker processes alone; the web process has no key that opens the vault.
Raw bytes never touch a disk unsealed, except in a worker's scratch folder while it works.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyrage
from django.conf import settings
from django.core.files import File
from django.core.files.storage import Storage, storages

from catalog.audit.errors import PlatformError, TooLarge

LOCK = ".lock"
DAY = 86_400


class VaultLocked(PlatformError):
    """This process holds no key that opens the vault; only workers do."""

    code, status, title = "vault_locked", 503, "The vault cannot be opened here"
    who = "us"


@dataclass(frozen=True, slots=True)
class Sealed:
    """A file in a store: its name there, and size and SHA-256 of the bytes before sealing."""

    name: str
    bytes: int
    sha256: str


class _Measured:
    """A reader that counts and hashes what passes through it, and stops what grows too large."""

    def __init__(self, source: Any, limit: int) -> None:
        self._source, self._limit = source, limit
        self._hash = hashlib.sha256()
        self.bytes = 0
        self.failed: BaseException | None = None

    def read(self, size: int = 65536) -> bytes:
        try:
            return self._measured(size)
        except BaseException as error:  # the sealing library would put its own error in the place of this one
            self.failed = error
            raise

    def _measured(self, size: int) -> bytes:
        chunk: bytes = self._source.read(size)
        self.bytes += len(chunk)
        if self.bytes > self._limit:
            raise TooLarge(f"The file is larger than {self._limit} bytes. Nothing was kept.")
        self._hash.update(chunk)
        return chunk

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


class _OnDisk(File):
    """A finished file that a local store may move instead of copying."""

    def temporary_file_path(self) -> str:
        return str(self.name)


def store(name: str) -> Storage:
    return storages[name]


def seal(source: Any, *, prefix: str, into: str = "vault", limit: int | None = None) -> Sealed:
    """Seal everything that ``source.read()`` gives into a store, in bounded memory.

    Raises:
        TooLarge: more than ``limit`` bytes (default MAX_UPLOAD_BYTES). Whatever raises, nothing is left behind.
    """
    measured = _Measured(source, limit or settings.MAX_UPLOAD_BYTES)
    recipient = pyrage.x25519.Recipient.from_str(settings.VAULT_RECIPIENT)
    Path(settings.INCOMING_DIR).mkdir(parents=True, exist_ok=True)
    handle, path = tempfile.mkstemp(dir=settings.INCOMING_DIR, suffix=".age")
    try:
        with os.fdopen(handle, "wb") as sink:
            _encrypt(measured, sink, recipient)
        name = f"{prefix}/{uuid.uuid4().hex}.age"
        with open(path, "rb") as sealed:
            saved = store(into).save(name, _OnDisk(sealed, name=path))
    finally:
        if os.path.exists(path):
            os.unlink(path)
    return Sealed(name=saved, bytes=measured.bytes, sha256=measured.hexdigest())


def _encrypt(source: _Measured, sink: IO[bytes], recipient: Any) -> None:
    try:
        pyrage.encrypt_io(source, sink, [recipient])
    except pyrage.EncryptError:
        if source.failed is None:
            raise
        raise source.failed from None


def seal_file(path: Path, *, prefix: str, into: str = "vault") -> Sealed:
    with path.open("rb") as source:
        return seal(source, prefix=prefix, into=into, limit=2**62)


def _identity() -> pyrage.x25519.Identity:
    path = settings.VAULT_IDENTITY_FILE
    if not path or not os.path.isfile(path):
        raise VaultLocked("This process has no key to the vault. Only workers open it.")
    return pyrage.x25519.Identity.from_str(Path(path).read_text().strip())


def unseal(name: str, sink: IO[bytes], *, out_of: str = "vault") -> str:
    """Write the plain bytes of a sealed file to ``sink`` and return their SHA-256. Workers only."""
    identity = _identity()
    hashed = hashlib.sha256()

    class Tee:
        def write(self, chunk: bytes) -> int:
            hashed.update(chunk)
            return sink.write(chunk)

        def flush(self) -> None:
            sink.flush()

    with store(out_of).open(name, "rb") as sealed:
        pyrage.decrypt_io(sealed, Tee(), [identity])
    return hashed.hexdigest()


def destroy(name: str, *, out_of: str = "vault") -> None:
    """Remove a sealed file. Removing one that is gone already is no error: tasks may run twice."""
    if name:
        store(out_of).delete(name)


@contextmanager
def scratch(label: str) -> Iterator[Path]:
    """A private folder for plain bytes while a worker works; removed on every way out.

    The folder holds a lock file that the kernel unlocks when its process dies, however it dies, so that
    :func:`sweep_scratch` knows what a killed worker left behind.
    """
    Path(settings.SCRATCH_DIR).mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = Path(tempfile.mkdtemp(dir=settings.SCRATCH_DIR, prefix=f"{label}-"))
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def sweep_scratch() -> int:
    """Remove the scratch folders whose process is dead; returns how many."""
    root = Path(settings.SCRATCH_DIR)
    if not root.is_dir():
        return 0
    dead = [folder for folder in root.iterdir() if folder.is_dir() and _abandoned(folder)]
    for folder in dead:
        shutil.rmtree(folder, ignore_errors=True)
    return len(dead)


def sweep_incoming() -> int:
    """Remove sealed uploads that a killed web process left half-way, a day later; returns how many."""
    root, old = Path(settings.INCOMING_DIR), time.time() - DAY
    left = [path for path in root.glob("*.age") if path.stat().st_mtime < old] if root.is_dir() else []
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)


def _abandoned(folder: Path) -> bool:
    try:
        if time.time() - folder.stat().st_mtime < 2:
            return False  # perhaps just made, and not locked yet
        with (folder / LOCK).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
