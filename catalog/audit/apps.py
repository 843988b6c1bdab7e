from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "catalog.audit"
    label = "audit"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from catalog.audit import witness  # noqa: F401  registers with the trail
