"""The Celery application. Tasks live in each app's tasks.py: ids in, one service called."""

import os
from typing import Any

from celery import Celery
from celery.signals import celeryd_init

from opendata import filebroker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opendata.settings")

filebroker.install()
app = Celery("opendata")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@celeryd_init.connect
def refuse_unsafe_settings(**kwargs: Any) -> None:
    """A worker with bad settings does not start."""
    from opendata.checks import stop_if_unsafe

    stop_if_unsafe()
