"""What the environment says. Every deployment choice is one variable here; docs/reference/settings.md lists them.

Two modes. ``embedded`` (the default) needs no server and listens on this machine only. ``production`` has no default
for anything that protects someone: a missing variable stops the boot.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

MODE: str = env.str("OPENDATA_MODE", default="embedded")
if MODE not in ("embedded", "production"):
    raise ImproperlyConfigured("OPENDATA_MODE must be embedded or production")
EMBEDDED = MODE == "embedded"
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / "var"))).resolve()


def required(name: str, embedded_file: str) -> str:
    """A secret or a key: from the variable, or in embedded mode from a file that ``setup_embedded`` wrote."""
    value: str = env.str(name, default="")
    if value:
        return value
    path = DATA_DIR / embedded_file
    if EMBEDDED and path.is_file():
        return path.read_text().strip()
    if EMBEDDED:
        return ""
    raise ImproperlyConfigured(f"{name} must be set in production")


def database() -> dict[str, Any]:
    """Django's database settings; SQLite gets write-ahead logging and immediate transactions."""
    if not env.str("DATABASE_URL", default="") and not EMBEDDED:
        raise ImproperlyConfigured("DATABASE_URL must be set in production")
    settings: dict[str, Any] = env.db_url("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'db.sqlite3'}")
    if settings["ENGINE"] == "django.db.backends.sqlite3":
        settings["OPTIONS"] = {
            # BEGIN IMMEDIATE: two writers queue up instead of failing when a read lock turns into a write lock.
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            # recursive_triggers: a row that REPLACE removes is a row deleted, to the triggers that guard it.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON; PRAGMA recursive_triggers=ON;",
        }
        settings["CONN_MAX_AGE"] = None  # opening the file costs more than a page of records
    else:
        settings.setdefault("CONN_MAX_AGE", 60)
        settings.setdefault("CONN_HEALTH_CHECKS", True)
    return settings


def broker() -> tuple[str, dict[str, Any]]:
    """Celery's broker address and transport options. The broker is only a doorbell: losing a message loses nothing."""
    url: str = env.str("BROKER_URL", default="filesystem://" if EMBEDDED else "")
    if not url:
        raise ImproperlyConfigured("BROKER_URL must be set in production")
    if not url.startswith("filesystem://"):
        return url, {}
    folder = DATA_DIR / "broker"
    for part in ("queue", "control"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    queue = str(folder / "queue")
    return url, {"data_folder_in": queue, "data_folder_out": queue, "control_folder": str(folder / "control")}


def counters() -> dict[str, Any]:
    """The cache in which rate limits are counted: CACHE_URL, or a file that all web processes of this machine share.

    Production without CACHE_URL counts in each process by itself: its folders may be on several machines, or read-only.
    """
    if env.str("CACHE_URL", default=""):
        return dict(env.cache_url("CACHE_URL"))
    if EMBEDDED:
        return {"BACKEND": "opendata.counters.SharedCounters", "LOCATION": str(DATA_DIR / "counters" / "counters.sqlite3")}
    return {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 20_000}}


def stores(*, worker: bool) -> dict[str, dict[str, Any]]:
    """Where sealed uploads, artefacts under review and published files live: local folders, or S3 buckets.

    Only workers write what is published; to every other process the public store is one to read.
    """
    bucket: str = env.str("S3_BUCKET", default="")
    return _buckets(bucket, worker=worker) if bucket else _folders(worker=worker)


def _folders(*, worker: bool) -> dict[str, dict[str, Any]]:
    whole, read_only = "catalog.core.stores.WholeFiles", "catalog.core.stores.ReadOnlyFiles"
    # Nobody changes a published file, not even who wrote it: another takes its place.
    public = {"allow_overwrite": True, "file_permissions_mode": 0o444}
    return {
        "vault": {"BACKEND": whole, "OPTIONS": {"location": str(DATA_DIR / "vault")}},
        "artefacts": {"BACKEND": whole, "OPTIONS": {"location": str(DATA_DIR / "artefacts")}},
        "public": {"BACKEND": whole if worker else read_only, "OPTIONS": {"location": str(DATA_DIR / "public"), **public}},
    }


def _buckets(bucket: str, *, worker: bool) -> dict[str, dict[str, Any]]:
    options = {
        "bucket_name": bucket,
        "endpoint_url": env.str("S3_ENDPOINT_URL", default=None),
        "access_key": env.str("S3_ACCESS_KEY", default=None),
        "secret_key": env.str("S3_SECRET_KEY", default=None),
        "default_acl": "private",
        "file_overwrite": False,
    }
    bucket_class, read_only = "storages.backends.s3.S3Storage", "catalog.core.s3_stores.ReadOnlyBucket"
    return {
        "vault": {"BACKEND": bucket_class, "OPTIONS": {**options, "location": "vault"}},
        "artefacts": {"BACKEND": bucket_class, "OPTIONS": {**options, "location": "artefacts"}},
        "public": {"BACKEND": bucket_class if worker else read_only, "OPTIONS": {**options, "location": "public", "file_overwrite": True}},
    }
