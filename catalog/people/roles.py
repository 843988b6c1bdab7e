"""The roles, and what a key of each may be allowed to do: data, not code."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """A role is membership in the Django group of the same name."""

    STEWARD = "steward"
    OFFICER = "officer"
    LEAD_OFFICER = "lead_officer"
    DEVELOPER = "developer"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


OFFICERS: Final = frozenset({Role.OFFICER, Role.LEAD_OFFICER})
FACTOR_DEMANDED_OF: Final = OFFICERS | {Role.ADMINISTRATOR}
"""Whoever decides, or says who may, shows a second factor."""

# scope → the roles whose keys may carry it; None: everybody's
SCOPE_ROLES: Final[dict[str, frozenset[Role] | None]] = {
    "read": None,
    "datasets:write": frozenset({Role.STEWARD}),
    "runs:write": frozenset({Role.STEWARD}),
    "reviews:decide": OFFICERS,
    "releases:stop": OFFICERS | {Role.STEWARD},
    "ledger:read": OFFICERS | {Role.AUDITOR, Role.STEWARD},
    "trail:read": frozenset({Role.AUDITOR, Role.LEAD_OFFICER}),
}
SCOPES: Final = tuple(SCOPE_ROLES)
