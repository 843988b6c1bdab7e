"""What a destroyed version keeps: that it was there, and what kinds of columns it had. Of its words, nothing.

A column's name, a file's name or what was wrong with a file can hold a person, so they go with the rows. Position, type,
role and counts of a column stay, and so do hash and size of the file.
"""

from __future__ import annotations

from typing import Any

from catalog.datasets.events import destroying
from catalog.datasets.models import Column, Version


def undeclared() -> dict[str, Any]:
    """New values for what an uploader said of the columns: of a file that was rejected or destroyed it serves nobody."""
    return {"declared_types": {}, "names": []}


def wordless(version: Version) -> dict[str, Any]:
    """New values for the fields of ``version`` that hold words."""
    error = version.error
    if error is not None:
        error = {"code": error.get("code", ""), "message": "", "who": error.get("who", "nobody"), "problems": []}
    return {**undeclared(), "file_name": "", "notes": [], "error": error}


def forget_columns(version: Version) -> None:
    """Take the words from the column records, in the caller's transaction.

    Names and ladders stay where a release or a waiting one is bound to them: what an officer approved is told by them.
    """
    bound = any(answer for _, answer in destroying.send(sender=Version, version=version))
    columns = list(version.columns.all())
    for column in columns:
        column.title = column.description = column.reason = ""
        if not bound:
            column.name, column.hierarchy = f"column {column.position + 1}", None
    # first out of the way of one another: a column may be called "column 2"
    if not bound:
        for column in columns:
            Column.objects.filter(pk=column.pk).update(name=f"\x01{column.position}")
    Column.objects.bulk_update(columns, ["name", "hierarchy", "title", "description", "reason"])
