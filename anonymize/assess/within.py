"""The assessment that every run of microdata makes of the file it has written, before anyone is handed it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from anonymize.assess.effort import within
from anonymize.assess.measured import measured
from anonymize.assess.reading import read
from anonymize.errors import AnonymizeError
from anonymize.recipe import KAnonymity, Recipe
from anonymize.risk.rates import generator
from anonymize.tables.base import Frame, TableEngine


def assess_run(engine: TableEngine, recipe: Recipe, stage: KAnonymity, before: Frame, artefact: Path, folder: Path | None) -> dict[str, Any]:
    """``before``: the rows that the stage was given. ``made`` is false, with the ``reason``, where it cannot be measured.

    A promise that was kept stays kept when something cannot be measured: the run goes on, and whoever decides is told.
    """
    try:
        world = read(engine, recipe, stage, before, engine.scan_parquet(artefact), None, folder, ordered=False)
        return measured(world, within(len(world.coded.released)), 1.0, generator())
    except AnonymizeError as error:
        return _not_made(error.message)
    except Exception as error:  # its text may quote a value: only its kind may be told
        return _not_made(f"an error of ours: {type(error).__name__}")


def _not_made(reason: str) -> dict[str, Any]:
    return {"assessment": 1, "made": False, "reason": reason, "notes": [f"Risk and usefulness could not be measured: {reason}."]}
