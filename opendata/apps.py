"""The wiring as a Django app, so that its checks run with every command that checks anything; it has no models."""

from django.apps import AppConfig


class WiringConfig(AppConfig):
    name = "opendata"
    label = "opendata"
    verbose_name = "wiring"

    def ready(self) -> None:
        from opendata import checks  # noqa: F401  registers them
