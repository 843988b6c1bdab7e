"""How tests read the documentation: its files, fenced blocks, tables and links."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def text(name: str) -> str:
    """A page by its path below docs/."""
    return (DOCS / name).read_text(encoding="utf-8")


def fenced(page: str) -> list[tuple[str, str]]:
    """Language and text of every fenced block."""
    return [(language, body) for language, body in _FENCE.findall(page)]


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a language, without their fences."""
    return [body.rstrip("\n") for found, body in _FENCE.findall(page) if found == language]


def first_cells(page: str) -> set[str]:
    """What stands in backticks at the beginning of table rows."""
    return set(re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE))


def links(page: str) -> list[str]:
    """Targets of links to files of the repository."""
    return [target for target in _LINK.findall(_FENCE.sub("", page)) if "://" not in target]
