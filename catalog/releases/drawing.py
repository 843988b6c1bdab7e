"""Draws in a worker what the pages of runs and comparisons will show, in every language, so that no visitor waits.

Pictures that are lost, or not shared with the web servers, are drawn again when a page asks for them.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.utils.translation import override

from catalog.display import pictures
from catalog.display.pictures import Asked
from catalog.releases import assessed, compared, foreseen
from catalog.releases.assessed.seen import asked_of
from catalog.releases.assessed.shown import at
from catalog.releases.models import Comparison, Run
from catalog.releases.states import ASSESSED, DONE


def draw_run(run_id: int) -> None:
    run = Run.objects.filter(pk=run_id, state=ASSESSED).first()
    if run is not None:
        _draw(lambda: asked_of(assessed.parts_of(run.report)))


def draw_comparison(comparison_id: int) -> None:
    comparison = Comparison.objects.filter(pk=comparison_id, state=DONE).first()
    if comparison is not None:
        _draw(lambda: _of_comparison(comparison))


def _of_comparison(comparison: Comparison) -> list[Asked]:
    if comparison.is_forecast:
        return foreseen.asked_of(comparison.result)
    out = assessed.standing_out(at(comparison.result, "before.standing_out"))
    return [asked for asked in (compared.asked_of(comparison), *(one.asked for one in out)) if asked is not None]


def _draw(asked: Callable[[], list[Asked]]) -> None:
    """All languages together, since starting to draw takes as long as drawing."""
    wanted: list[Asked] = []
    for language, _ in settings.LANGUAGES:
        with override(language):
            wanted += asked()
    pictures.drawn(wanted)
