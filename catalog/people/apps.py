from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "catalog.people"
    label = "people"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from catalog.people import witness  # noqa: F401  registers with the trail
