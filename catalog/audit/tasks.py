"""The trail's one task."""

from celery import shared_task

from catalog.audit import alarms, services

TRAIL = ("trail", "entries")


@shared_task(name="audit.checkpoint", ignore_result=True)  # type: ignore[untyped-decorator]
def checkpoint() -> None:
    """Sign where the trail stands, every few minutes; a trail that is not whole is not signed, and told of."""
    try:
        services.checkpoint()
    except services.TrailBroken as error:
        alarms.raise_alarm(code="trail_broken", subject=TRAIL, detail={"why": str(error)})
    else:
        alarms.clear_alarm(code="trail_broken", subject=TRAIL)
