"""The documentation holds together: links lead somewhere, traps are answered, nothing belongs to one machine."""

from __future__ import annotations

import re

import pytest

from tests.docs.reading import ROOT, links, pages, text

TRAPS = 62


@pytest.mark.parametrize("page", pages(), ids=lambda path: path.name)
def test_links_lead_to_files_that_are_there(page):
    assert [target for target in links(page.read_text(encoding="utf-8")) if not (page.parent / target).exists()] == []


def test_every_page_is_reached_from_the_readme():
    seen, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or not page.is_file():
            continue
        seen.add(page)
        waiting += [(page.parent / target).resolve() for target in links(page.read_text(encoding="utf-8")) if target.endswith(".md")]
    adr = {page for page in pages() if page.parent.name == "adr"}  # reached through their folder
    assert sorted(page.name for page in set(pages()) - seen - adr) == []


def test_every_trap_is_answered_once():
    rows = re.findall(r"^\| (\d+) \|", text("explanation/known-holes.md"), re.MULTILINE)
    assert [int(row) for row in rows] == list(range(1, TRAPS + 1))


def test_tests_that_the_known_holes_name_are_there():
    named = re.findall(r"`(tests/[\w/]+\.py)`", text("explanation/known-holes.md"))
    assert len(named) > 20
    assert sorted({path for path in named if not (ROOT / path).is_file()}) == []


def test_every_trap_names_a_test_or_admits_a_hole():
    for line in text("explanation/known-holes.md").splitlines():
        if re.match(r"\| \d+ \|", line):
            assert "`tests/" in line or "**Open:**" in line or "**Not offered:**" in line, line[:60]


def test_decisions_have_context_decision_and_consequences():
    found = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
    assert [int(page.name[:4]) for page in found] == list(range(1, len(found) + 1))
    for page in found:
        headings = re.findall(r"^## (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences"], page.name


def test_no_page_names_the_place_of_a_machine():
    for page in pages():
        assert re.findall(r"/(?:home|Users|root|work)/\w+", page.read_text(encoding="utf-8")) == [], page.name
