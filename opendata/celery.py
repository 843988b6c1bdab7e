"""The Celery application. Tasks live in each app's tasks.py: ids in, one service called."""

import logging
import os
import threading
from typing import Any

from celery import Celery
from celery.signals import beat_init, celeryd_init, worker_ready, worker_shutdown

from opendata import filebroker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opendata.settings")

log = logging.getLogger(__name__)
_ended = threading.Event()
filebroker.install()
app = Celery("opendata")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@celeryd_init.connect
def refuse_unsafe_settings(**kwargs: Any) -> None:
    """A worker with bad settings does not start."""
    _exit_if_unsafe()
    _sweep_scratch()  # what a killed worker left of people's rows, before anything else is done here


@beat_init.connect
def refuse_unsafe_schedule(**kwargs: Any) -> None:
    """Nor does a scheduler."""
    _exit_if_unsafe()


def _exit_if_unsafe() -> None:
    """Celery logs what a receiver of a signal raises and goes on all the same; an exit it lets pass."""
    from django.core.exceptions import ImproperlyConfigured

    from opendata.checks import stop_if_unsafe

    try:
        stop_if_unsafe()
    except ImproperlyConfigured as error:
        raise SystemExit(str(error)) from None


@worker_ready.connect
def keep_scratch_swept(**kwargs: Any) -> None:
    """On a timer of this process's own: it needs neither scheduler nor broker, nor a child that is free."""
    _ended.clear()
    threading.Thread(target=_sweep_now_and_then, name="scratch", daemon=True).start()


@worker_shutdown.connect
def stop_sweeping(**kwargs: Any) -> None:
    _ended.set()


def _sweep_now_and_then() -> None:
    from django.conf import settings

    while not _ended.wait(settings.SWEEP_SECONDS):
        _sweep_scratch()


def _sweep_scratch() -> None:
    from catalog.datasets.vault import sweep_scratch

    try:
        sweep_scratch()
    except OSError:
        log.exception("scratch could not be swept")
