from django.apps import AppConfig


class PublishingConfig(AppConfig):
    name = "catalog.publishing"
    label = "publishing"
    verbose_name = "what goes out"

    def ready(self) -> None:
        from catalog.core.leftovers import know
        from catalog.publishing import handlers  # noqa: F401  registers for what lower rooms report
        from catalog.publishing.selectors import public_names

        know("public", public_names)
