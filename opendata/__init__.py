"""Wiring of the platform: settings, environment, Celery, URLs, checks. No models, no rules."""

from opendata.celery import app as celery_app

__all__ = ["celery_app"]
