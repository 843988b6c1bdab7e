"""Re-identification risk that follows from the sizes of equivalence classes.

The attacker is the prosecutor: they know that their target is in the data and know the target's quasi-identifiers.
For a file that is a sample of a larger population this overstates the risk; it never understates it.
El Emam & Dankar, "Protecting privacy using k-anonymity", JAMIA 2008.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.integer[Any]]

BINS = (1, 2, 3, 5, 10, 20, 50, 100, 1000)
"""Smallest class size of each bar of the histogram; the last bar is open."""


def class_risk(persons: Integers, *, rows: Integers | None = None, k: int | None = None) -> dict[str, Any]:
    """Risk of one table. ``persons``: (class,) distinct persons, all above 0; ``rows``: (class,) records, default persons.

    ``prosecutor_max``: 1 / smallest class. ``prosecutor_average``: mean over records of 1 / their class, the share of
    records that an attacker who guesses within the class gets right. ``below_k``: share of records in classes under k.
    ``uniques``: classes held by one person. Risks and shares in [0, 1], all 0 for a table without classes.
    """
    records = persons if rows is None else rows
    if len(persons) != len(records) or not (persons > 0).all():
        raise ValueError("every class has a number of persons above 0 and a number of records")
    total = int(records.sum())
    return {
        "classes": len(persons),
        "records": total,
        "smallest": int(persons.min()) if len(persons) else 0,
        "average": _share(int(persons.sum()), len(persons)),
        "prosecutor_max": _share(1, int(persons.min())) if len(persons) else 0.0,
        "prosecutor_average": _share(float((records / persons).sum()), total),
        "uniques": int((persons == 1).sum()),
        "records_unique": _share(int(records[persons == 1].sum()), total),
        "records_below_k": None if k is None else _share(int(records[persons < k].sum()), total),
        "histogram": _histogram(persons, records),
    }


def _share(part: float, whole: int) -> float:
    return round(part / whole, 9) if whole else 0.0


def _histogram(persons: Integers, records: Integers) -> list[dict[str, int | None]]:
    """Classes and records by class size, a bar for each of ``BINS`` and up to the next."""
    bar = np.searchsorted(BINS, persons, side="right") - 1
    classes = np.bincount(bar, minlength=len(BINS))
    rows = np.bincount(bar, weights=records, minlength=len(BINS))
    ends = [*(start - 1 for start in BINS[1:]), None]
    return [
        {"from": start, "to": end, "classes": int(classes[i]), "records": int(rows[i])}
        for i, (start, end) in enumerate(zip(BINS, ends, strict=True))
    ]
