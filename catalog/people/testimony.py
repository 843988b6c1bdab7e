"""What the trail is told of organisations, accounts and keys: written by the services, held against the tables later."""

from __future__ import annotations

import hashlib
from datetime import UTC
from typing import Any

from allauth.mfa.models import Authenticator

from catalog.audit.chain import document_sha256
from catalog.people.models import ApiKey, Organisation, User


def of_organisation(organisation: Organisation) -> dict[str, Any]:
    return {"slug": organisation.slug}


def of_user(user: User) -> dict[str, Any]:
    """Who it is and for whom; roles and mandates are told beside it, since they are given and withdrawn."""
    return {"username": user.get_username(), "organisation": user.organisation.slug if user.organisation else None}


def of_key(key: ApiKey) -> dict[str, Any]:
    """``hash_sha256`` is of the stored hash: enough to see that another secret was put in its place."""
    return {
        "user": key.user_id, "prefix": key.prefix, "scopes": key.scopes, "expires_at": key.expires_at.astimezone(UTC),
        "hash_sha256": hashlib.sha256(key.hash.encode()).hexdigest(),
    }  # fmt: skip


def of_factor(factor: Authenticator) -> dict[str, Any]:
    """``mark``: a hash of what makes it this factor and no other, which using it does not change."""
    data = factor.data if isinstance(factor.data, dict) else {}
    itself = data.get("secret") or (data.get("credential") or {}).get("id") or data
    return {"kind": str(factor.type), "mark": document_sha256(itself)}
