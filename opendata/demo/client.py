"""A client of the platform's HTTP API, as a browser or a script is one: a session with CSRF, or an API key.

It knows nothing of the platform's insides. Safe to repeat: every POST carries an ``Idempotency-Key``, so that a request
whose answer was lost on its way is sent again without creating twice.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import httpx

TRIES = 6
LONGEST_WAIT_S = 65.0  # a rate limit counts by the minute
TIMEOUT_S = 120.0
CODE_S = 31.0  # a code is replaced by the next one after half a minute
Json = dict[str, Any]
Moved = Callable[[int], None]


class ApiRefused(Exception):
    """The API answered with a problem document: what happened, and each finding."""

    def __init__(self, asked: str, status: int, document: Mapping[str, Any]) -> None:
        self.asked, self.status = asked, status
        self.code = str(document.get("code", ""))
        self.detail = str(document.get("detail") or document.get("title") or "no reason was given")
        self.problems = [_finding(problem) for problem in document.get("errors") or []]
        super().__init__(f"{asked}: {status} {self.detail}")

    def lines(self) -> list[str]:
        return [
            f"{self.asked} was answered with {self.status}: {self.detail}",
            *(f"  {found}" for found in self.problems),
        ]


class Unreachable(Exception):
    """Nobody answers at the address, or somebody who is not the platform."""


def _finding(problem: Mapping[str, Any]) -> str:
    where = problem.get("pointer") or problem.get("column") or ""
    return f"{where}: {problem.get('message', '')}" if where else str(problem.get("message", ""))


class Caller:
    """Somebody who talks to the API. Paths are below ``/api/v1``."""

    def __init__(self, url: str, *, secret: str | None = None, transport: httpx.BaseTransport | None = None) -> None:
        headers = {"Referer": f"{url}/"} | ({"Authorization": f"Bearer {secret}"} if secret else {})
        # trust_env: a proxy that the machine uses for the world is not for 127.0.0.1
        self._http = httpx.Client(
            base_url=f"{url}/api/v1", headers=headers, timeout=TIMEOUT_S, trust_env=False, transport=transport
        )

    def sign_in(self, name: str, password: str, code: Callable[[], str | None] = lambda: None) -> Json:
        """Open a session; later requests carry its cookie and CSRF token. Answers who that is.

        ``code`` gives what the second factor shows at the moment it is asked. Each is good once: where this one was used
        already, by a sign-in a moment ago, the next one is waited for.
        """
        try:
            me = self._open(name, password, code())
        except ApiRefused as refused:
            if refused.code != "second_factor_wrong":
                raise
            time.sleep(CODE_S)
            me = self._open(name, password, code())
        self._http.headers["X-CSRFToken"] = str(me.get("csrf_token", ""))
        return me

    def _open(self, name: str, password: str, code: str | None) -> Json:
        given = {"username": name, "password": password} | ({"code": code} if code else {})
        me: Json = self.post("/session", given)
        return me

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, **parameters: str | int) -> Any:
        return self._json("GET", path, params=parameters)

    def found(self, path: str, **parameters: str | int) -> Any | None:
        """As ``get``; None where there is nothing (404), or nothing any more (410)."""
        try:
            return self.get(path, **parameters)
        except ApiRefused as refused:
            if refused.status in (404, 410):
                return None
            raise

    def post(self, path: str, body: Any = None) -> Any:
        said = {} if body is None else {"json": body}
        return self._json("POST", path, headers={"Idempotency-Key": str(uuid.uuid4())}, **said)

    def patch(self, path: str, body: Any) -> Any:
        return self._json("PATCH", path, json=body)

    def put_text(self, path: str, text: bytes, media_type: str = "text/csv") -> Any:
        return self._json("PUT", path, content=text, headers={"Content-Type": media_type})

    def upload(self, path: str, file: Path, *, types: Mapping[str, str], moved: Moved) -> Any:
        """Send a file as a form, in pieces; ``moved`` is told how many bytes went out each time."""
        with file.open("rb") as source:
            return self._json(
                "POST", path, files={"file": (file.name, _Counted(source, moved))}, data={"types": json.dumps(dict(types))},
                headers={"Idempotency-Key": str(uuid.uuid4())},
            )  # fmt: skip

    def _json(self, method: str, path: str, **more: Any) -> Any:
        answer = self._send(method, path, **more)
        if answer.status_code < 400:
            return answer.json() if answer.content else None
        raise ApiRefused(f"{method} {path}", answer.status_code, _document(answer))

    def _send(self, method: str, path: str, **more: Any) -> httpx.Response:
        for tried in range(1, TRIES + 1):
            try:
                answer = self._http.request(method, path, **more)
            except httpx.TransportError as error:
                if tried == TRIES:
                    raise Unreachable(f"{method} {path}: no answer ({type(error).__name__})") from None
                time.sleep(0.2 * tried)
                continue
            if answer.status_code not in (429, 503) or tried == TRIES:
                return answer
            time.sleep(_pause(answer))
        raise Unreachable(f"{method} {path}: no answer")


class _Counted:
    """A file that tells how much of it was read."""

    def __init__(self, file: IO[bytes], moved: Moved) -> None:
        self._file, self._moved = file, moved

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(size)
        self._moved(len(piece))
        return piece

    def seek(self, place: int, whence: int = 0) -> int:
        return self._file.seek(place, whence)

    def tell(self) -> int:
        return self._file.tell()

    def fileno(self) -> int:
        return self._file.fileno()


def _pause(answer: httpx.Response) -> float:
    said = answer.headers.get("Retry-After", "1")
    return min(float(said) if said.isdigit() else 1.0, LONGEST_WAIT_S)


def _document(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {"detail": "the answer is not the platform's"}
    return found if isinstance(found, dict) else {}
