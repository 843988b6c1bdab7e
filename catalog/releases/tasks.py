"""Doorbells: an id in, one service called."""

from celery import shared_task

from catalog.releases import compare, sweeper, work


@shared_task(name="releases.execute_run")
def execute_run(run_id: int) -> None:
    work.execute_run(run_id)


@shared_task(name="releases.execute_comparison")
def execute_comparison(comparison_id: int) -> None:
    compare.execute_comparison(comparison_id)


@shared_task(name="releases.sweep")
def sweep() -> None:
    sweeper.sweep()
