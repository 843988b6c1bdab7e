"""A bucket that a process may only read. Loaded by its name in the settings alone, since it needs boto3."""

from __future__ import annotations

from typing import Any

from storages.backends.s3 import S3Storage

from catalog.core.stores import ReadOnlyStore


class ReadOnlyBucket(S3Storage):  # type: ignore[misc]  # the library has no types
    """Give the process a key that may only read, too: this stops mistakes, the key stops intruders."""

    def _save(self, name: str, content: Any) -> str:
        raise ReadOnlyStore("This process may only read this store.")

    def delete(self, name: str) -> None:
        raise ReadOnlyStore("This process may only read this store.")
