"""Takes an upload out of an HTTP request straight into the vault: never whole in memory, never plain on a disk."""

from __future__ import annotations

import queue
import threading
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopFutureHandlers

from catalog.audit.errors import PlatformError
from catalog.datasets import vault

_WAIT_SECONDS = 120
_END = b""


class Interrupted(Exception):
    """The request ended before the file did."""


class _Pipe:
    """What the request pushes in, the sealing thread reads out; holds a few chunks at most."""

    def __init__(self) -> None:
        self._chunks: queue.Queue[bytes | None] = queue.Queue(maxsize=8)
        self._rest = b""
        self._ended = False

    def push(self, chunk: bytes | None) -> None:
        self._chunks.put(chunk, timeout=_WAIT_SECONDS)

    def drain(self) -> None:
        """Nobody will read what is still here: make room, so that the pushing side is not left waiting."""
        while not self._chunks.empty():
            self._chunks.get_nowait()

    def read(self, size: int = 65536) -> bytes:
        if not self._rest and not self._ended:
            chunk = self._chunks.get(timeout=_WAIT_SECONDS)
            if chunk is None:
                raise Interrupted
            self._rest, self._ended = chunk, chunk == _END
        head, self._rest = self._rest[:size], self._rest[size:]
        return head


class NotSealed(PlatformError):
    """The upload could not be sealed, for a reason that is ours to find."""

    code, status, title = "not_sealed", 503, "The upload could not be sealed"
    who = "us"


def _told(error: BaseException | None) -> PlatformError:
    return error if isinstance(error, PlatformError) else NotSealed("The upload could not be sealed. Nothing was kept; try again.")


class SealedUpload(UploadedFile):
    """A file of the request that is in the vault already."""

    def __init__(self, sealed: vault.Sealed, name: str, content_type: str | None) -> None:
        super().__init__(file=None, name=name, content_type=content_type, size=sealed.bytes)
        self.sealed = sealed

    def close(self) -> None:
        """There is no open file; Django closes every file of a request that it gives up on."""


class SealingUploadHandler(FileUploadHandler):
    """Django upload handler: seals every file part as it arrives, in a thread of its own."""

    chunk_size = 256 * 1024

    def __init__(self, request: Any = None) -> None:
        super().__init__(request)
        self.sealed: list[str] = []
        self._thread: threading.Thread | None = None

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._pipe = _Pipe()
        self._result: vault.Sealed | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._seal, name="sealing", daemon=True)
        self._thread.start()
        raise StopFutureHandlers

    def _seal(self) -> None:
        try:
            self._result = vault.seal(self._pipe, prefix="uploads")
        except BaseException as error:  # handed to the request's thread
            self._error = error
            self._pipe.drain()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if self._error is not None:
            raise _told(self._error)
        if raw_data:
            self._pipe.push(bytes(raw_data))

    def file_complete(self, file_size: int) -> SealedUpload:
        self._finish(_END)
        if self._result is None:
            raise _told(self._error)
        self.sealed.append(self._result.name)
        return SealedUpload(self._result, self.file_name or "", self.content_type)

    def upload_interrupted(self) -> None:
        self._finish(None)
        self.discard()

    def _finish(self, last: bytes | None) -> None:
        if self._thread is None:
            return
        if self._thread.is_alive():
            self._pipe.push(last)
        self._thread.join(timeout=_WAIT_SECONDS)
        self._thread = None

    def discard(self) -> None:
        """Remove what was sealed: the request was refused after its body had arrived."""
        for name in self.sealed:
            vault.destroy(name)
        self.sealed.clear()
