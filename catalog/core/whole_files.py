"""Files that are whole or not there: written beside their name, synced to the disk, then renamed.

A process that is killed, or a disk that fills up, in the middle of writing leaves a part under another name, which the
sweeper removes, and never half a file under the name that others trust. After the rename the folder is synced too, so
that the name survives a power cut as well (POSIX rename(2), fsync(2)).
"""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

PART: Final = ".part"
"""The ending of a name under which a file is being written."""


@contextmanager
def whole_file(path: Path, *, mode: int = 0o644) -> Iterator[IO[bytes]]:
    """A file to write to, that is at ``path`` once the block ends well, in the place of what was there before.

    ``mode`` are its permissions from the moment it has its name. Whatever the block raises, nothing is left of it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _beside(path)
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def move_whole(source: Path, path: Path, *, mode: int = 0o644) -> None:
    """Give a finished file another name, in the place of what was there before; by copying where it lies on another disk.

    ``source`` is gone afterwards, unless this raises.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as file:
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())
        try:
            os.replace(source, path)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            with whole_file(path, mode=mode) as copy:
                while chunk := file.read(2**20):
                    copy.write(chunk)
            source.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder reach the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}{PART}")
