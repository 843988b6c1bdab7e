from django.apps import AppConfig


class PublishingConfig(AppConfig):
    name = "catalog.publishing"
    label = "publishing"
    verbose_name = "what goes out"

    def ready(self) -> None:
        from catalog.core.leftovers import know
        from catalog.publishing import handlers, witness  # noqa: F401  register for what lower rooms report, and with the trail
        from catalog.publishing.selectors import public_names

        know("public", public_names)
