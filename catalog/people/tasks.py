"""The one task of this room."""

from celery import shared_task

from catalog.people import services


@shared_task(name="people.forget_answers", ignore_result=True)  # type: ignore[untyped-decorator]
def forget_answers() -> None:
    """Remove answers kept for repeated requests when their day is over."""
    services.forget_answers()
