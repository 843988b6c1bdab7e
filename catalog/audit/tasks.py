"""The trail's one task."""

from celery import shared_task

from catalog.audit import services


@shared_task(name="audit.checkpoint", ignore_result=True)  # type: ignore[untyped-decorator]
def checkpoint() -> None:
    """Sign where the trail stands, every few minutes."""
    services.checkpoint()
