"""Celery's filesystem broker, made safe for several processes.

kombu's own transport opens a message file and then locks and fills it; a worker that looks in between takes an empty
message and ends with "Unrecoverable error: JSONDecodeError" (seen here, on a busy machine). Here every file appears
whole or not at all: it is written under another name and renamed. What cannot be read is passed over, since a message
is only a doorbell and the sweeper rings again.
"""

from __future__ import annotations

import fcntl
import os
import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.encoding import str_to_bytes
from kombu.utils.json import dumps, loads


def write_whole(path: Path, content: bytes) -> None:
    """Have ``path`` hold ``content`` from one moment to the next."""
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    part.write_bytes(content)
    os.replace(part, path)


class Channel(filesystem.Channel):
    """Messages and bindings appear by renaming."""

    def _put(self, queue: str, message: Any, **kwargs: Any) -> None:  # type: ignore[override]  # as kombu's own does
        name = f"{round(time.monotonic() * 1000)}_{uuid.uuid4()}.{queue}.msg"
        write_whole(Path(self.data_folder_out) / name, str_to_bytes(dumps(message)))

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        try:
            return super()._get(queue)
        except ValueError:
            raise Empty from None

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        table = Path(self._exchange_file(exchange))
        table.parent.mkdir(parents=True, exist_ok=True)
        with table.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            known = loads(table.read_text()) if table.exists() else []
            binding = [routing_key or "", pattern or "", queue or ""]
            if binding not in known:
                write_whole(table, str_to_bytes(dumps([binding, *known])))


class Transport(filesystem.Transport):
    Channel = Channel


def install() -> None:
    """Have ``filesystem://`` mean this transport."""
    TRANSPORT_ALIASES["filesystem"] = f"{__name__}:Transport"
