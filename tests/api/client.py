"""A caller of the API, with a key or with nothing."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from catalog.people.models import User
from tests import factories

JSON = "application/json"
SCOPES = {
    "steward": ("read", "datasets:write", "runs:write", "releases:stop", "ledger:read"),
    "officer": ("read", "reviews:decide", "releases:stop", "ledger:read"),
    "lead_officer": ("read", "reviews:decide", "releases:stop", "ledger:read", "trail:read"),
    "auditor": ("read", "ledger:read", "trail:read"),
}


def scopes_of(user: User) -> list[str]:
    """All that the user's roles allow a key."""
    roles = user.groups.values_list("name", flat=True)
    return sorted({scope for role in roles for scope in SCOPES.get(role, ("read",))} | {"read"})


class Api:
    """``Api()`` is nobody; ``Api(user)`` sends a key with all scopes that the user's role allows."""

    def __init__(self, user: User | None = None, *scopes: str) -> None:
        self.client = Client(raise_request_exception=True)
        self.headers: dict[str, str] = {}
        if user is not None:
            self.headers["Authorization"] = f"Bearer {factories.key(user, *(scopes or scopes_of(user)))}"

    def call(self, method: str, path: str, data: Any = None, content_type: str = JSON, **headers: str) -> Any:
        address = path if path.startswith(("/", "http")) else f"/api/v1/{path}"
        body = {} if data is None else {"data": data, "content_type": content_type}
        if method == "post" and data is None:
            body = {"data": b"", "content_type": JSON}
        return getattr(self.client, method)(address, **body, headers={**self.headers, **headers})

    def get(self, path: str, **query: Any) -> Any:
        address = path if path.startswith(("/", "http")) else f"/api/v1/{path}"
        return self.client.get(address, query, headers=self.headers)

    def post(self, path: str, data: Any = None, **headers: str) -> Any:
        return self.call("post", path, data, **headers)

    def patch(self, path: str, data: Any) -> Any:
        return self.call("patch", path, data)

    def upload(self, path: str, name: str, body: bytes, fields: dict[str, str] | None = None, **headers: str) -> Any:
        """As a form, the way ``curl -F file=@…`` does."""
        file = SimpleUploadedFile(name, body, content_type="text/csv")
        return self.client.post(f"/api/v1/{path}", {"file": file, **(fields or {})}, headers={**self.headers, **headers})
