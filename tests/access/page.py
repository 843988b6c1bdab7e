"""The page ``docs/reference/access.md``, written from the table and the policies."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from tests.access.outcome import MEANINGS, Outcome
from tests.access.routes import ANYONE, API, PAGES, Route, expected
from tests.access.world import Caller, World

PATH = Path(__file__).resolve().parents[2] / "docs" / "reference" / "access.md"
SHOWN = (
    "anonymous", "developer", "steward", "steward elsewhere", "officer", "officer elsewhere", "lead officer", "lead officer elsewhere",
    "auditor", "administrator", "who had a hand in it",
)  # fmt: skip

HEAD = """# Who may ask what

Every address of the platform, and what each role is answered there: written from the policies themselves (`python -m
tests.access` writes it anew), and compared with the real answers, cell by cell, by `tests/access/test_access.py`. An address
that is in no row fails that test. [Roles](roles.md) explains the roles in words.

{legend}

- **Steward** and **officer** are those of the organisation that owns the thing; **elsewhere** are a steward of another
  organisation, and an officer without a mandate for this one. **Had a hand** is a steward of the organisation who is an officer with a
  mandate for it as well, and uploaded, configured or ran what the address is about.
- **key** is the scope that an API key needs, besides what its owner may. A key with another scope is refused (403); on an
  address for anyone it is answered as nobody is, but for `{insider}` in brackets: with that scope it is shown what its owner may
  see. *signed in* means that no key will do. Pages know no keys at all.
- A **closed account** is answered as nobody is, whatever its session says and whatever roles it had. A key that was revoked, has
  expired or belongs to a closed account is refused everywhere (401).
- Where the state of a thing makes a difference, each state has a line of its own.
"""


def text(world: World) -> str:
    legend = "\n".join(["| sign | what it means |", "|---|---|", *(f"| {sign.value} | {meaning} |" for sign, meaning in MEANINGS.items())])
    callers = {caller.name: caller for caller in world.callers}
    shown = [callers[name] for name in SHOWN]
    head = HEAD.format(legend=legend, insider="read")
    return "\n".join([head, "## Over the API", "", *_table(API, shown, world), "", "## Pages", "", *_table(PAGES, shown, world), ""])


def _table(routes: tuple[Route, ...], callers: list[Caller], world: World) -> Iterator[str]:
    names = [name.replace("lead officer", "lead").replace("who had a hand in it", "had a hand") for name in SHOWN]
    yield f"| address | state | key | {' | '.join(names)} |"
    yield "|---" * (3 + len(names)) + "|"
    for route in routes:
        lines = [(tuple(expected(route, caller, thing) for caller in callers), thing.state) for thing in world.things[route.on]]
        for cells, same in groupby(sorted(lines, key=lambda line: _order(lines, line[0])), key=lambda line: line[0]):
            states = [state for _, state in same]
            told = "" if len(states) == len(lines) else ", ".join(states)
            yield f"| `{route.named()}` | {told} | {_key(route)} | {' | '.join(cell.value for cell in cells)} |"


def _order(lines: list[tuple[tuple[Outcome, ...], str]], cells: tuple[Outcome, ...]) -> int:
    """States that are answered alike stand together, in the order of the first of them."""
    return [line[0] for line in lines].index(cells)


def _key(route: Route) -> str:
    if route.is_page:
        return ""
    if route.scope == ANYONE:
        return f"anyone (`{route.insider}`)" if route.insider else "anyone"
    return "*signed in*" if route.scope == "session" else f"`{route.scope}`"
