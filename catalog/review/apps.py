from django.apps import AppConfig


class ReviewConfig(AppConfig):
    name = "catalog.review"
    label = "review"
    verbose_name = "who cleared it"

    def ready(self) -> None:
        from catalog.review import handlers, witness  # noqa: F401  register with the rooms below
