"""Who is in the demo: organisations, accounts and populations, with passwords and the secrets of their second factors.

Both are drawn once for each machine. A secret is what an app that shows codes would have scanned.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import secrets
import struct
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FILE = "demo.json"
SECOND_FACTOR = ("officer", "lead_officer", "administrator")  # roles that the platform demands one of
STEP_S = 30
MOBILITY, PURCHASES = "mobility", "data-purchases"
RESIDENTS, HOUSEHOLDS = "haneul-residents", "journey-households"


@dataclass(frozen=True)
class Organisation:
    slug: str
    name: str
    name_ko: str


@dataclass(frozen=True)
class Account:
    """Somebody of the demo. ``mandates``: the organisations that an officer decides for."""

    username: str
    role: str
    organisation: str | None = None
    mandates: tuple[str, ...] = ()
    language: str = "en"

    @property
    def about(self) -> str:
        place = (
            f" of {self.organisation}"
            if self.organisation
            else f" for {', '.join(self.mandates)}"
            if self.mandates
            else ""
        )
        return f"{self.role}{place}"


@dataclass(frozen=True)
class Population:
    """The people behind some datasets, and what all releases about them may cost together."""

    slug: str
    name: str
    owner: str
    epsilon: str
    delta: str


ORGANISATIONS = (
    Organisation(MOBILITY, "Mobility Department", "교통국"),
    Organisation(PURCHASES, "Office for Purchased Data", "구매데이터과"),
)
SORA = Account("sora", "steward", MOBILITY)
MINHO = Account("minho", "steward", PURCHASES, language="ko")
OLGA = Account("olga", "officer", mandates=(MOBILITY,))
OSCAR = Account("oscar", "officer", mandates=(PURCHASES,))
HANA = Account("hana", "officer", mandates=(MOBILITY, PURCHASES), language="ko")
DEV = Account("dev", "developer")
ARTHUR = Account("arthur", "auditor")
ACCOUNTS = (SORA, MINHO, OLGA, OSCAR, HANA, DEV, ARTHUR)
POPULATIONS = (
    # everybody who lives there, whatever file they are in: card payments and signalling events spend the same budget
    Population(RESIDENTS, "Residents of Haneul (simulated)", MOBILITY, "12", "1e-5"),
    Population(HOUSEHOLDS, "Households of the Complete Journey", PURCHASES, "12", "1e-5"),
)


@dataclass(frozen=True)
class Ways:
    """How the accounts of a machine sign in: passwords by name, and secrets by name of those with a second factor."""

    passwords: Mapping[str, str]
    secrets: Mapping[str, str]

    def code(self, name: str) -> str | None:
        """What the app of ``name`` would show now; None for somebody without one."""
        return code_of(self.secrets[name], time.time()) if name in self.secrets else None


def ways(folder: Path) -> Ways:
    """Read from the folder's ``demo.json``, which is made, for its owner alone, when something in it is absent."""
    path = folder / FILE
    words, codes = _read(path, "passwords"), _read(path, "secrets")
    asked = [account.username for account in ACCOUNTS if account.role in SECOND_FACTOR]
    if not (all(words.get(account.username) for account in ACCOUNTS) and all(codes.get(name) for name in asked)):
        words = {account.username: secrets.token_urlsafe(12) for account in ACCOUNTS} | words
        codes = {name: base64.b32encode(secrets.token_bytes(20)).decode() for name in asked} | codes
        note = "Accounts of the demo on this machine. Made once; not for production."
        _write(path, {"note": note, "passwords": words, "secrets": codes})
    return Ways(words, codes)


def code_of(secret: str, moment: float) -> str:
    """The code of RFC 6238: six digits, from a secret in base32 and the half minute that holds ``moment``.

    >>> code_of("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", 59)
    '287082'
    """
    digest = hmac.digest(base64.b32decode(secret), struct.pack(">Q", int(moment // STEP_S)), "sha1")
    place = digest[-1] & 0x0F
    return f"{(struct.unpack('>I', digest[place : place + 4])[0] & 0x7FFFFFFF) % 10**6:06}"


def _read(path: Path, part: str) -> dict[str, str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8")).get(part)
    except (FileNotFoundError, ValueError, AttributeError):
        return {}
    return {str(name): str(word) for name, word in found.items()} if isinstance(found, dict) else {}


def _write(path: Path, document: Mapping[str, Any]) -> None:
    """All or nothing, and never readable by others, not even for a moment."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(document, file, indent=1)
    part.replace(path)


def order(words: Mapping[str, str], codes: Mapping[str, str] | None = None) -> str:
    """What ``manage.py setup_demo`` reads on standard input. Who has no secret in ``codes`` gets no second factor."""
    return json.dumps(
        {
            "organisations": [asdict(made) for made in ORGANISATIONS],
            "accounts": [{**asdict(made), "password": words[made.username], "secret": (codes or {}).get(made.username)} for made in ACCOUNTS],
            "populations": [asdict(made) for made in POPULATIONS],
        }
    )
