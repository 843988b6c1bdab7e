"""Doorbells: an id in, one service called."""

from celery import shared_task

from catalog.datasets.intake import check_version as check


@shared_task(name="datasets.check_version")
def check_version(version_id: int) -> None:
    check(version_id)
