"""Keys of pseudonyms: how long one lives, and who hands it out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from anonymize.errors import InputError, Problem, RecipeError
from anonymize.randomness import secret_bytes
from anonymize.recipe import Scope

KEY_BYTES = 32
"""As many as SHA-256 gives: a shorter key would be the weakest part (RFC 2104, section 3)."""


class Keys(Protocol):
    """Where a run gets its keys from. The library never keeps one; nothing that it writes or raises holds one."""

    def key(self, scope: Scope) -> bytes:
        """At least :data:`KEY_BYTES` secret bytes: for *release* new at every call, for *dataset* always the same.

        Raises :class:`RecipeError` when there is no key of that scope.
        """
        ...


@dataclass(frozen=True, slots=True)
class FreshKeys:
    """A new key for every run, from the operating system. Whoever keeps a key for a dataset gives it as ``kept``."""

    kept: bytes | None = field(default=None, repr=False)

    def key(self, scope: Scope) -> bytes:
        if scope == "release":
            return secret_bytes(KEY_BYTES)
        if self.kept is None:
            message = "the recipe asks for pseudonyms that are the same in every release of the dataset, and no key for them was given"
            raise RecipeError(message, problems=(Problem("no_dataset_key", message, pointer="/columns"),))
        return self.kept


def read_key(path: Path) -> bytes:
    """The key of a dataset: the bytes of a file as they are. Raises :class:`InputError` for a file that is none."""
    try:
        key = path.read_bytes()
    except OSError:
        raise InputError(f"the key file {path.name!r} cannot be read") from None
    if not KEY_BYTES <= len(key) <= 1024:
        raise InputError(f"the key file {path.name!r} must hold {KEY_BYTES} to 1,024 random bytes")
    return key
