"""Pictures for pages: SVG drawn on the server in a process of its own, and kept by what was asked for.

One colour and grey, labels beside what they name. Two widths are drawn, since text in a picture that is scaled down to a
phone cannot be read. The site's stylesheet recolours them for dark screens. The same question with the same code that
draws is drawn once; what is kept holds the same figures as the page, and is as private as they are.
"""

from __future__ import annotations

import hashlib
import html
import json
import logging
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.safestring import SafeString, mark_safe

log = logging.getLogger(__name__)
DRAWING_SECONDS: Final = 60
KEPT_DAYS: Final = 30
MARKS: Final = "catalog.display.marks"
CODE: Final = {
    MARKS: (MARKS, "catalog.display.look", "catalog.display.series", "catalog.display.tracks"),
    "anonymize.pictures": ("anonymize.pictures.frontier", "anonymize.pictures.forecast", "anonymize.pictures.labels"),
}
"""Modules whose sources decide how a picture looks; a module that is not named here stands for itself."""


class DrawingFailed(RuntimeError):
    """No picture could be drawn; the page goes out without it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What to draw. ``module`` reads ``document`` as JSON and writes SVG texts; numbers and labels are as they are to be shown.

    ``name`` is unique on a page; ``label`` is what a screen reader says in place of the picture.
    """

    name: str
    label: str
    document: Mapping[str, Any] = field(hash=False)
    module: str = MARKS

    @property
    def key(self) -> str:
        said = json.dumps([self.name, self.label, self.module, _code(self.module), self.document], sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture in two widths. The SVG is ours and safe to put into a page."""

    wide: SafeString
    narrow: SafeString


@cache
def _code(module: str) -> str:
    """SHA-256 of the sources that draw: other code draws other pictures."""
    digest = hashlib.sha256()
    for name in CODE.get(module, (module,)):
        found = find_spec(name)
        if found is not None and found.origin:
            digest.update(Path(found.origin).read_bytes())
    return digest.hexdigest()


def kept(asked: Asked) -> Picture | None:
    """The picture if it was drawn before. Quick enough for any page."""
    found = read(path_of(asked.key))
    return None if found is None else Picture(*(mark_safe(found[width]) for width in ("wide", "narrow")))  # noqa: S308  cleaned by _cleaned


def drawn(asked: Sequence[Asked]) -> list[Picture | None]:
    """The pictures, drawn now where they were not before, which takes seconds; None for one that cannot be drawn."""
    missing = [one for one in asked if kept(one) is None]
    for some in _together(missing):
        try:
            for one, texts in zip(some, draw(some), strict=True):
                keep(path_of(one.key), texts)
        except DrawingFailed as error:
            log.warning("no picture of %s: %s", ", ".join(one.name for one in some), error)
    return [kept(one) for one in asked]


def _together(asked: Sequence[Asked]) -> list[list[Asked]]:
    """Our own marks in one process, every other module's one by one."""
    own = [one for one in asked if one.module == MARKS]
    return [*([own] if own else []), *([one] for one in asked if one.module != MARKS)]


def draw(asked: Sequence[Asked]) -> list[dict[str, str]]:
    """SVG texts by width for each, all drawn by one process of ``asked[0].module``.

    Raises:
        DrawingFailed: it ended without the pictures, or took too long.
    """
    module = asked[0].module
    documents: Any = [one.document for one in asked] if module == MARKS else asked[0].document
    try:
        done = subprocess.run(  # noqa: S603  modules of ours, by name
            [sys.executable, "-m", module], input=json.dumps(documents), capture_output=True, text=True, encoding="utf-8",
            timeout=DRAWING_SECONDS, check=True, cwd=settings.BASE_DIR,
        )  # fmt: skip
    except (subprocess.SubprocessError, OSError) as error:
        raise DrawingFailed(type(error).__name__) from None
    answers = json.loads(done.stdout) if module == MARKS else [json.loads(done.stdout)]
    return [
        {width: _cleaned(text, one.label, f"{one.name}-{width}") for width, text in texts.items()}
        for one, texts in zip(asked, answers, strict=True)
    ]


def _cleaned(text: str, label: str, mark: str) -> str:
    """No roles inside the picture, one label for all of it, ids of its own."""
    text = re.sub(r'\s(?:role|aria-[a-z]+)="[^"]*"', "", text)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{mark}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{mark}-\1)", text)
    return text.replace("<svg ", f'<svg role="img" aria-label="{html.escape(label)}" ', 1)


# --- what is kept ------------------------------------------------------------------------------------------------


def path_of(key: str) -> Path:
    return _folder() / f"{key}.json"


def _folder() -> Path:
    return Path(settings.CACHE_DIR) / "pictures"


def forget_old(days: int = KEPT_DAYS) -> None:
    """Remove what was drawn long ago; a page that still shows it has it drawn again."""
    oldest = time.time() - days * 24 * 3600
    for path in _folder().glob("*.json"):
        if path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)


def read(path: Path) -> dict[str, Any] | None:
    """What was kept there by one of our processes; None for anything else, which is then drawn again."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    seal, _, body = text.partition("\n")
    if not constant_time_compare(seal, _seal(path, body)):
        return None
    kept: dict[str, Any] = json.loads(body)
    return kept


def _seal(path: Path, body: str) -> str:
    """Says that a process with our key drew this for this place: figures on a page are not those of whoever can write here."""
    return str(salted_hmac(f"catalog.display.pictures:{path.name}", body, algorithm="sha256").hexdigest())


def keep(path: Path, drawn: Mapping[str, Any]) -> None:
    """Whole or not at all, readable by this account alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=path.parent)
    body = json.dumps(drawn, ensure_ascii=False)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"{_seal(path, body)}\n{body}")
    os.replace(part, path)
