"""A cache in one SQLite file, for the counters that the web processes of the embedded set-up share.

Django's caches in files and in the database can be shared as well, but count by reading and then writing: what two
processes count at the same moment is lost, and each count gives the counter a new time to live. Here a count is one
statement. What has expired goes when something is added.
"""

from __future__ import annotations

import fcntl
import json
import sqlite3
import time
from functools import cached_property
from pathlib import Path
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache

TABLE = """
PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;
CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, value TEXT NOT NULL, expires REAL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS kept_expires ON kept (expires);
"""
GET = "SELECT value FROM kept WHERE key = ? AND (expires IS NULL OR expires > ?)"
INCR = "UPDATE kept SET value = CAST(value AS INTEGER) + ? WHERE key = ? AND (expires IS NULL OR expires > ?) RETURNING value"
TOUCH = "UPDATE kept SET expires = ? WHERE key = ? AND (expires IS NULL OR expires > ?)"


class SharedCounters(BaseCache):
    """Keeps what JSON can say. ``LOCATION`` is the file; its folder is made for this account alone."""

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        self._location = Path(location)

    @cached_property
    def _file(self) -> sqlite3.Connection:
        """Opened at the first use, which is after a server has forked; Django makes a cache for each thread."""
        self._location.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = sqlite3.connect(self._location, timeout=30, isolation_level=None, check_same_thread=False)
        with self._location.with_suffix(".opening").open("w") as one_at_a_time:  # SQLite does not wait to change the journal
            fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
            file.executescript(TABLE)
        return file

    def _expires(self, timeout: Any) -> float | None:
        return self.get_backend_timeout(timeout)

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        self._file.execute("DELETE FROM kept WHERE expires <= ?", [time.time()])
        row = [self.make_and_validate_key(key, version), json.dumps(value), self._expires(timeout)]
        return self._file.execute("INSERT OR IGNORE INTO kept VALUES (?, ?, ?)", row).rowcount == 1

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        asked = [self.make_and_validate_key(key, version), time.time()]
        found = self._file.execute(GET, asked).fetchone()
        return default if found is None else json.loads(found[0])

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        row = [self.make_and_validate_key(key, version), json.dumps(value), self._expires(timeout)]
        self._file.execute("REPLACE INTO kept VALUES (?, ?, ?)", row)

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """Add to a counter, which expires when it would have. Raises ValueError where there is none."""
        asked = [delta, self.make_and_validate_key(key, version), time.time()]
        found = self._file.execute(INCR, asked).fetchone()
        if found is None:
            raise ValueError("There is no such counter.")
        return int(found[0])

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        asked = [self._expires(timeout), self.make_and_validate_key(key, version), time.time()]
        return self._file.execute(TOUCH, asked).rowcount == 1

    def delete(self, key: Any, version: int | None = None) -> bool:
        return self._file.execute("DELETE FROM kept WHERE key = ?", [self.make_and_validate_key(key, version)]).rowcount == 1

    def clear(self) -> None:
        self._file.execute("DELETE FROM kept")
