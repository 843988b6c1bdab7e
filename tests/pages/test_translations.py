"""Every word of the pages is there in Korean and in Chinese. Needs no tools of gettext."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[2]
CALLS = ("_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy")
PLACEHOLDER = re.compile(r"%\(\w+\)s")


def from_python(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value


def from_template(path: Path) -> Iterator[str]:
    code = templatize(path.read_text(encoding="utf-8"))
    for found in re.finditer(r"\b(?:_|gettext|ngettext)\(\s*(u?(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"))", code):
        yield ast.literal_eval(found.group(1).removeprefix("u"))


def every_word() -> set[str]:
    said: set[str] = set()
    for folder in ("catalog", "opendata"):
        for path in (ROOT / folder).rglob("*.py"):
            said.update(from_python(path))
    for path in (ROOT / "templates").rglob("*.html"):
        said.update(from_template(path))
    return said


@pytest.fixture(scope="module")
def said():
    return every_word()


def test_the_search_for_words_finds_those_of_python_and_of_templates(said):
    assert len(said) > 400
    assert {"Sign in", "differential_privacy"} - said == {"differential_privacy"}
    assert "Every release there ever was: what it promises, what it cost, who is responsible, and the hash by which anybody can check it. Nothing is removed from here." in said


@pytest.mark.parametrize("language", ["ko", "zh_Hans"])
def test_every_word_is_translated(said, language):
    kept = polib.pofile(str(Path(settings.LOCALE_PATHS[0]) / language / "LC_MESSAGES" / "django.po"))
    known = {entry.msgid: entry for entry in kept if not entry.obsolete and "fuzzy" not in entry.flags}
    assert sorted(said - set(known)) == []
    empty = [msgid for msgid, entry in known.items() if not (entry.msgstr or entry.msgstr_plural.get(0))]
    assert empty == []


@pytest.mark.parametrize("language", ["ko", "zh_Hans"])
def test_a_translation_uses_the_placeholders_of_its_original(language):
    kept = polib.pofile(str(Path(settings.LOCALE_PATHS[0]) / language / "LC_MESSAGES" / "django.po"))
    for entry in kept:
        words = entry.msgstr or entry.msgstr_plural.get(0, "")
        assert set(PLACEHOLDER.findall(words)) == set(PLACEHOLDER.findall(entry.msgid_plural or entry.msgid)), entry.msgid
