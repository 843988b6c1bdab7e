"""With workers that stop in the middle of a run, so that a test can kill them right there."""

from tests.live.quick_settings import *  # noqa: F403

CELERY_INCLUDE = ["tests.live.slow"]
