"""The product's settings, with workers that pause in the middle of a run so that a test can kill them right there."""

from opendata.settings import *  # noqa: F403

CELERY_INCLUDE = ["tests.live.slow"]
