"""Doorbells: an id in, one service called."""

from celery import shared_task

from catalog.audit import sweeping
from catalog.display import pictures
from catalog.releases import compare, drawing, estimating, sweeper, work


@shared_task(name="releases.execute_run")
def execute_run(run_id: int) -> None:
    work.execute_run(run_id)
    draw_run.delay(run_id)


@shared_task(name="releases.execute_comparison")
def execute_comparison(comparison_id: int) -> None:
    compare.execute_comparison(comparison_id)
    draw_comparison.delay(comparison_id)


@shared_task(name="releases.execute_estimate")
def execute_estimate(estimate_id: int) -> None:
    estimating.execute_estimate(estimate_id)


@shared_task(name="releases.draw_run")
def draw_run(run_id: int) -> None:
    drawing.draw_run(run_id)


@shared_task(name="releases.draw_comparison")
def draw_comparison(comparison_id: int) -> None:
    drawing.draw_comparison(comparison_id)


@shared_task(name="releases.forget_pictures")
def forget_pictures() -> None:
    pictures.forget_old()


@shared_task(name="releases.sweep_stores")
def sweep_stores() -> None:
    sweeping.sweep_stores()


@shared_task(name="releases.sweep")
def sweep() -> None:
    sweeper.sweep()
