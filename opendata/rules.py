"""What must be so of the settings that safety depends on, as a table: each rule names itself, what is wrong, and what to do.

No message quotes a key, an identity or an address with a password in it.
"""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pyrage
from django.conf import settings

from anonymize.tables.choice import ENGINES, missing
from opendata import scratch_disk
from opendata.door_checks import DOOR_RULES
from opendata.rule import Rule, production

SAFE_HANDLERS: Final = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
SHORTEST_KEY: Final = 32
# 64 random hexadecimal digits have fewer than this many different ones with a chance below 1e-11
FEWEST_SIGNS: Final = 10
PLACEHOLDER: Final = re.compile(r"change.?me|django-insecure|placeholder|your.?(secret|key)|replace.?(me|this)|unset|<.*>", re.IGNORECASE)
HOST: Final = re.compile(r"\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\]", re.IGNORECASE)
LOOSEST_DOMAIN: Final = 2  # labels of a domain of which all hosts are let in: .example.org, never .org


def hosts() -> list[str]:
    return [str(host).strip() for host in settings.ALLOWED_HOSTS]


def _keys() -> dict[str, str]:
    return {"SECRET_KEY": str(settings.SECRET_KEY).strip(), "TRAIL_CHECKPOINT_KEY": str(settings.TRAIL_CHECKPOINT_KEY).strip()}


def _weak(key: str) -> bool:
    """Few different characters, one piece over and over, or so regular that it packs into a third."""
    return len(set(key)) < FEWEST_SIGNS or key in (key + key)[1:-1] or _is_a_row(key)


def _is_a_row(key: str) -> bool:
    """Whether most characters follow the one before by the same step: the alphabet, 0123…"""
    steps = [ord(after) - ord(before) for before, after in itertools.pairwise(key)]
    return bool(steps) and max(map(steps.count, set(steps))) > len(steps) / 2


NUMBERS: Final = {"API_TRUSTED_PROXIES": (0, 10), "MAX_ATTEMPTS": (1, 100), "VERIFY_SECONDS": (60, 86_400), "MAX_UPLOAD_BYTES": (1, 2**50)}
"""The range in which each does what it says."""


def _out_of_range() -> list[str]:
    return [name for name, (least, most) in NUMBERS.items() if not least <= getattr(settings, name) <= most]


def _no_folder_for_checkpoints() -> bool:
    """A device keeps nothing of what is written to it."""
    path = Path(settings.TRAIL_CHECKPOINT_FILE)
    return path.is_relative_to("/dev") or (path.exists() and not path.is_file())


def _no_host(host: str) -> bool:
    """Neither a name or an address, nor a domain with a dot before it."""
    return HOST.fullmatch(host) is None or (host.startswith(".") and host.strip(".").count(".") + 1 < LOOSEST_DOMAIN)


def _recipient() -> str | None:
    """The recipient as age writes it, or None for what is none."""
    try:
        return str(pyrage.x25519.Recipient.from_str(str(settings.VAULT_RECIPIENT)))
    except pyrage.RecipientError:
        return None


def _identity_fits() -> bool:
    """Whether this process could open what it seals."""
    try:
        written = Path(settings.VAULT_IDENTITY_FILE).read_text(encoding="utf-8").strip()
        return str(pyrage.x25519.Identity.from_str(written).to_public()) == _recipient()
    except (OSError, ValueError, pyrage.IdentityError):
        return False


def _origins_without(*schemes: str) -> bool:
    return any(urlsplit(str(origin)).scheme not in schemes or _too_wide(urlsplit(str(origin)).netloc) for origin in settings.CSRF_TRUSTED_ORIGINS)


def _too_wide(host: str) -> bool:
    """No host, or a star over more than the hosts of one domain."""
    return not host or ("*" in host and (not host.startswith("*.") or host.count("*") > 1 or host.count(".") < LOOSEST_DOMAIN))


def _scratch_elsewhere() -> bool:
    """Of workers alone: nobody else has unsealed rows."""
    return bool(settings.VAULT_IDENTITY_FILE) and not scratch_disk.is_on(Path(settings.SCRATCH_DIR), settings.SCRATCH_ON)


def _plain_site() -> bool:
    address = urlsplit(str(settings.SITE_URL))
    return address.scheme != "https" or not address.hostname


RULES: Final[tuple[Rule, ...]] = (
    Rule("E001", lambda: bool(settings.DEBUG), "DEBUG is on.", "Debug pages show local variables, and those hold people's values.", always=True),
    Rule(
        "E002", lambda: len(settings.SECRET_KEY) < SHORTEST_KEY or settings.SECRET_KEY == "unset",  # noqa: S105  the placeholder
        "SECRET_KEY is missing or short.", "Set SECRET_KEY to at least 32 random characters; make one with: python -m opendata.keys",
    ),
    Rule(
        "E003", lambda: _recipient() is None,
        "VAULT_RECIPIENT is not an age recipient.", "Uploads are sealed for it; make a pair with: python -m opendata.keys",
    ),
    Rule("E004", lambda: not any(hosts()), "ALLOWED_HOSTS is empty.", "Name the hosts that this site answers for."),
    Rule("E005", lambda: "*" in hosts(), "ALLOWED_HOSTS allows every host.", "Name the hosts that this site answers for."),
    Rule(
        "E006", lambda: settings.FILE_UPLOAD_HANDLERS != SAFE_HANDLERS or settings.FILE_UPLOAD_MAX_MEMORY_SIZE > 1_000_000,
        "Uploads could reach memory or disk unsealed.",
        "Leave FILE_UPLOAD_HANDLERS alone: large uploads are sealed as they arrive (catalog/datasets/upload.py).", always=True,
    ),
    Rule("E007", lambda: not settings.USE_TZ, "USE_TZ is off.", "Decisions and charges are dated in UTC.", always=True),
    Rule(
        "E008", lambda: not 0 < settings.LEASE_SECONDS <= 3600 or not 0 < settings.SWEEP_SECONDS <= settings.LEASE_SECONDS,
        "LEASE_SECONDS and SWEEP_SECONDS do not fit each other.", "0 < SWEEP_SECONDS ≤ LEASE_SECONDS ≤ 3600.", always=True,
    ),
    Rule("E009", lambda: settings.ENGINE not in ENGINES, "ENGINE names no table engine.", f"There are: {', '.join(ENGINES)}.", always=True),
    Rule(
        "E010", lambda: bool(settings.VAULT_IDENTITY_FILE) and missing(settings.ENGINE) is not None,  # only workers need it
        "The table engine cannot be opened on this machine.", lambda: str(missing(settings.ENGINE)), always=True,
    ),
    Rule("E011", lambda: settings.CELERY_ACCEPT_CONTENT != ["json"], "Workers accept more than JSON.", "A pickled message runs code.", always=True),
    Rule(
        "E012", lambda: any("*" not in host and _no_host(host) for host in hosts() if host),
        "ALLOWED_HOSTS names something that is no host.",
        "Names only, without scheme, port or path; all hosts of a domain are written .example.org, with two parts at least.",
    ),
    Rule(
        "E013", lambda: any("*" in host and host != "*" for host in hosts()),
        "ALLOWED_HOSTS has a * in a name.", "All hosts of a domain are written .example.org.",
    ),
    Rule(
        "E014", lambda: len(settings.TRAIL_CHECKPOINT_KEY) < SHORTEST_KEY,
        "TRAIL_CHECKPOINT_KEY is missing or short.", "Set it to at least 32 random characters; make one with: python -m opendata.keys",
    ),
    Rule(
        "E015", lambda: len(set(_keys().values())) < len(_keys()),
        "SECRET_KEY and TRAIL_CHECKPOINT_KEY are the same.", "Whoever learns one must not be able to sign with the other: make two.",
    ),
    Rule(
        "E016", lambda: any(_weak(key) for key in _keys().values()),
        "SECRET_KEY or TRAIL_CHECKPOINT_KEY repeats a few characters.", "It could be guessed; make one with: python -m opendata.keys",
    ),
    Rule(
        "E017", lambda: any(PLACEHOLDER.search(key) for key in _keys().values()),
        "SECRET_KEY or TRAIL_CHECKPOINT_KEY is a placeholder.", "Everybody knows it; make one with: python -m opendata.keys",
    ),
    Rule(
        "E018", lambda: bool(settings.VAULT_IDENTITY_FILE) and _recipient() is not None and not _identity_fits(),
        "VAULT_IDENTITY_FILE does not open what is sealed for VAULT_RECIPIENT.",
        "It must hold, in one line, the identity that VAULT_RECIPIENT was made with, and be readable by this process.", always=True,
    ),
    Rule("E019", _plain_site, "SITE_URL is not an https address.", "Set it to the public address, such as https://data.example.org."),
    Rule(
        "E020", lambda: _origins_without("https"),
        "CSRF_TRUSTED_ORIGINS names an origin without https://.", "Write the scheme too, such as https://data.example.org.",
    ),
    Rule(
        "E021", lambda: any(database["ENGINE"].endswith("sqlite3") for database in settings.DATABASES.values()),
        "DATABASE_URL is on SQLite.", "It serves one machine, and anybody who can read the file; production needs postgres://…",
    ),
    Rule(
        "E023", lambda: settings.CACHES["default"]["BACKEND"].endswith("LocMemCache"),
        "CACHE_URL is not set.",
        "Without a shared cache every web process counts wrong passwords for itself, and forgets them; name one, such as redis://host:6379/1.",
    ),
    Rule(
        "E024", lambda: bool(_out_of_range()), "A number is outside of the range in which it does what it says.",
        lambda: "; ".join(f"{name} is between {NUMBERS[name][0]} and {NUMBERS[name][1]}" for name in _out_of_range()), always=True,
    ),
    Rule(
        "E025", _no_folder_for_checkpoints, "TRAIL_CHECKPOINT_FILE is no file that keeps what is written to it.",
        "Name a file on another disk or machine; workers append to it.", always=True,
    ),
    Rule(
        "E022", lambda: settings.SCRATCH_ON not in scratch_disk.KINDS or _scratch_elsewhere(),
        "SCRATCH_DIR is not on the kind of file system that SCRATCH_ON demands.",
        f"SCRATCH_ON is one of {', '.join(scratch_disk.KINDS)}; memory is tmpfs, encrypted is dm-crypt.", always=True,
    ),
)  # fmt: skip


def broken() -> list[Rule]:
    """The rules that the settings break."""
    return [rule for rule in (*RULES, *DOOR_RULES) if (rule.always or production()) and rule.broken()]
