"""The vault: everybody may put in, only workers can take out.

Files are sealed with age (X25519, ChaCha20-Poly1305) for ``VAULT_RECIPIENT``. The matching identity is read from
``VAULT_IDENTITY_FILE``, which is set for worker processes alone; the web process has no key that opens the vault.
Raw bytes never touch a disk unsealed, except in a worker's scratch folder while it works.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyrage
from django.conf import settings
from django.core.files import File

from catalog.audit.errors import PlatformError, TooLarge, full
from catalog.core.stores import store

log = logging.getLogger(__name__)

LOCK = ".lock"
DAY = 86_400


class VaultLocked(PlatformError):
    """This process holds no key that opens the vault; only workers do."""

    code, status, title = "vault_locked", 503, "The vault cannot be opened here"
    who = "us"


class SealDamaged(PlatformError):
    """A sealed file is gone, or is not as it was sealed. Nobody can open it, now or later."""

    code, status, title = "seal_damaged", 409, "A sealed file cannot be opened"
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


class _Sink:
    """A writer that remembers why it failed: the sealing library would put its own error in the place of that one."""

    def __init__(self, sink: IO[bytes]) -> None:
        self._sink = sink
        self.hash = hashlib.sha256()
        self.failed: BaseException | None = None

    def write(self, chunk: bytes) -> int:
        self.hash.update(chunk)
        return self._kept(lambda: self._sink.write(chunk))

    def flush(self) -> None:
        self._kept(self._sink.flush)

    def _kept(self, step: Any) -> Any:
        try:
            return step()
        except BaseException as error:
            self.failed = error
            raise


class _OnDisk(File):
    """A finished file that a local store may move instead of copying."""

    def temporary_file_path(self) -> str:
        return str(self.name)


def seal(source: Any, *, prefix: str, into: str = "vault", limit: int | None = None) -> Sealed:
    """Seal everything that ``source.read()`` gives into a store, in bounded memory.

    Raises:
        TooLarge: more than ``limit`` bytes (default MAX_UPLOAD_BYTES).
        StoreFull: there is no room left, here or in the store.
        Whatever raises, nothing is left behind.
    """
    measured = _Measured(source, limit or settings.MAX_UPLOAD_BYTES)
    try:
        name = _sealed(measured, prefix, into)
    except OSError as error:
        raise full(error) or error from None
    return Sealed(name=name, bytes=measured.bytes, sha256=measured.hexdigest())


def _sealed(measured: _Measured, prefix: str, into: str) -> str:
    """The name under which a store has it."""
    Path(settings.INCOMING_DIR).mkdir(parents=True, exist_ok=True)
    handle, path = tempfile.mkstemp(dir=settings.INCOMING_DIR, suffix=".age")
    try:
        with os.fdopen(handle, "wb") as sink:
            _encrypt(measured, sink)
        with open(path, "rb") as sealed:
            return store(into).save(f"{prefix}/{uuid.uuid4().hex}.age", _OnDisk(sealed, name=path))
    finally:
        with suppress(FileNotFoundError):
            os.unlink(path)


def _encrypt(source: _Measured, target: IO[bytes]) -> None:
    recipient, sink = pyrage.x25519.Recipient.from_str(settings.VAULT_RECIPIENT), _Sink(target)
    try:
        pyrage.encrypt_io(source, sink, [recipient])
    except pyrage.EncryptError:
        failed = source.failed or sink.failed
        if failed is None:
            raise
        raise failed from None


def seal_file(path: Path, *, prefix: str, into: str = "vault") -> Sealed:
    with path.open("rb") as source:
        return seal(source, prefix=prefix, into=into, limit=2**62)


def _identity() -> pyrage.x25519.Identity:
    path = settings.VAULT_IDENTITY_FILE
    if not path or not os.path.isfile(path):
        raise VaultLocked("This process has no key to the vault. Only workers open it.")
    return pyrage.x25519.Identity.from_str(Path(path).read_text().strip())


def unseal(name: str, sink: IO[bytes], *, out_of: str = "vault") -> str:
    """Write the plain bytes of a sealed file to ``sink`` and return their SHA-256. Workers only.

    Raises:
        VaultLocked: this process has no key.
        SealDamaged: the file is gone, was cut off or changed, or was sealed for another key.
        StoreFull: there is no room left where ``sink`` writes.
    """
    identity, plain = _identity(), _Sink(sink)
    try:
        with store(out_of).open(name, "rb") as sealed:
            _decrypt(_Reader(sealed), plain, identity)
        plain.flush()
    except FileNotFoundError:
        raise SealDamaged("A sealed file is gone from its store. Tell the operator: it may be in a backup.") from None
    except OSError as error:
        raise full(error) or error from None
    return plain.hash.hexdigest()


class _Reader:
    """A reader that remembers why it failed, as :class:`_Sink` does."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self.failed: BaseException | None = None

    def read(self, size: int = 65536) -> bytes:
        try:
            chunk: bytes = self._source.read(size)
        except BaseException as error:
            self.failed = error
            raise
        return chunk


def _decrypt(source: _Reader, sink: _Sink, identity: Any) -> None:
    """The library's own errors are those of a file that was changed; the others are of who reads or writes."""
    try:
        pyrage.decrypt_io(source, sink, [identity])
    except (pyrage.DecryptError, OSError):
        failed = source.failed or sink.failed
        if failed is not None:
            raise failed from None
        raise SealDamaged("A sealed file is not as it was sealed. Tell the operator: it may be whole in a backup.") from None


def destroy(name: str, *, out_of: str = "vault") -> None:
    """Remove a sealed file. Removing one that is gone already is no error: tasks may run twice."""
    if name:
        store(out_of).delete(name)


@contextmanager
def scratch(label: str) -> Iterator[Path]:
    """A private folder for plain bytes while a worker works; removed on every way out.

    The folder holds a lock file that the kernel unlocks when its process dies, however it dies, so that
    :func:`sweep_scratch` knows what a killed worker left behind. That is gone before anything new is put here. The
    folder gets its name once it is locked, so that one with a name and without a lock is nobody's.
    """
    root = Path(settings.SCRATCH_DIR)
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    sweep_scratch()
    unnamed = Path(tempfile.mkdtemp(dir=root, prefix=_UNNAMED))
    with (unnamed / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = unnamed.rename(root / f"{label}-{unnamed.name.removeprefix(_UNNAMED)}")
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
        if folder.exists():
            log.error("a scratch folder of a dead worker could not be removed: %s", folder.name)
    return len(dead)


def sweep_incoming() -> int:
    """Remove sealed uploads that a killed web process left half-way, a day later; returns how many."""
    root, old = Path(settings.INCOMING_DIR), time.time() - DAY
    left = [path for path in root.glob("*.age") if path.stat().st_mtime < old] if root.is_dir() else []
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)


_UNNAMED = ".unnamed-"


def _abandoned(folder: Path) -> bool:
    """Whether nobody holds its lock. One without a name holds nothing yet, and may be about to be locked."""
    try:
        if folder.name.startswith(_UNNAMED):
            return time.time() - folder.stat().st_mtime > DAY
        with (folder / LOCK).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
