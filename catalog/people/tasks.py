"""The tasks of this room: what is kept for a day is forgotten, and letters are written by workers."""

from celery import shared_task

from catalog.people import letters, passwords, services


@shared_task(name="people.forget_answers", ignore_result=True)  # type: ignore[untyped-decorator]
def forget_answers() -> None:
    """Remove answers kept for repeated requests when their day is over."""
    services.forget_answers()


@shared_task(name=letters.SLOWED, ignore_result=True)  # type: ignore[untyped-decorator]
def tell_of_failed_attempts(user_id: int) -> None:
    letters.tell_of_failed_attempts(user_id)


@shared_task(name=letters.CHANGED, ignore_result=True)  # type: ignore[untyped-decorator]
def tell_of_change(user_id: int) -> None:
    letters.tell_of_change(user_id)


@shared_task(name=letters.RESET, ignore_result=True)  # type: ignore[untyped-decorator]
def send_reset_link(user_id: int) -> None:
    passwords.send_reset_link(user_id)
