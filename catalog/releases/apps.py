from django.apps import AppConfig


class ReleasesConfig(AppConfig):
    name = "catalog.releases"
    label = "releases"
    verbose_name = "what is made of it"

    def ready(self) -> None:
        """Listen to the room below."""
        from catalog.releases import handlers  # noqa: F401
