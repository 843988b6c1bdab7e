"""Doorbells: an id in, one service called."""

from celery import shared_task
from django.conf import settings
from django.utils.translation import override

from catalog.publishing import services, verifying
from catalog.publishing.charts import chart_of
from catalog.publishing.models import Publication
from catalog.publishing.states import PUBLISHED


@shared_task(name="publishing.publish")
def publish(copy_id: int) -> None:
    services.publish(copy_id)
    draw_pictures.delay(copy_id)


@shared_task(name="publishing.remove_withdrawn")
def remove_withdrawn(publication_id: int) -> None:
    services.remove_withdrawn(publication_id)


@shared_task(name="publishing.verify_store")
def verify_store() -> None:
    verifying.verify_store()


@shared_task(name="publishing.draw_pictures")
def draw_pictures(copy_id: int) -> None:
    """Draw a release's picture in every language now, so that no visitor waits. One that is lost is drawn when asked for."""
    publication = Publication.objects.filter(review__copy=copy_id, state=PUBLISHED).first()
    if publication is None:
        return
    for language, _ in settings.LANGUAGES:
        with override(language):
            chart_of(publication)
