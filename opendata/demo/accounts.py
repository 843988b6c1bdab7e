"""Who is in the demo: organisations, accounts and populations, with passwords that are drawn once for each machine."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FILE = "demo.json"
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


def passwords(folder: Path) -> dict[str, str]:
    """Password by account name: read from the folder's ``demo.json``, which is made, for its owner alone, when absent."""
    path = folder / FILE
    kept = _read(path)
    if not all(kept.get(account.username) for account in ACCOUNTS):
        kept = {account.username: secrets.token_urlsafe(12) for account in ACCOUNTS} | kept
        _write(
            path, {"note": "Accounts of the demo on this machine. Made once; not for production.", "passwords": kept}
        )
    return kept


def _read(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8")).get("passwords")
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


def order(words: Mapping[str, str]) -> str:
    """What ``manage.py setup_demo`` reads on standard input."""
    return json.dumps(
        {
            "organisations": [asdict(made) for made in ORGANISATIONS],
            "accounts": [{**asdict(made), "password": words[made.username]} for made in ACCOUNTS],
            "populations": [asdict(made) for made in POPULATIONS],
        }
    )
