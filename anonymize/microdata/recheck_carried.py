"""Micro-aggregated columns, counted in the written file: who carries each of their values."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anonymize.errors import PrivacyNotMet
from anonymize.microdata.recheck import coded, columns_of, persons_of


def recheck_carried(artefact: Path, persons: Path | None, groups: Mapping[str, int]) -> list[dict[str, Any]]:
    """Count the distinct persons of every value, null included, of columns that were micro-aggregated.

    ``groups``: column → how many persons it takes; ``persons`` as in :func:`recheck`. Returns a line a column; raises
    :class:`PrivacyNotMet` when fewer carry a value, when there is no row, and when anything of this cannot be read.
    """
    if not groups:
        return []
    table = columns_of(artefact, list(groups))
    person = persons_of(persons, table.num_rows)
    found = []
    for i, (column, group) in enumerate(groups.items()):
        carried = person.groupby(coded(table.column(i)), sort=False).nunique()
        smallest = int(carried.min()) if len(carried) else 0
        if not smallest >= group:
            raise PrivacyNotMet(f"re-check: a value of column {column!r} in the file written is carried by {smallest} person(s), fewer than {group}")
        found.append({"column": column, "group": group, "smallest_value_persons": smallest})
    return found
