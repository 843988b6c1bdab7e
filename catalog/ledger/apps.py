from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "catalog.ledger"
    label = "ledger"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from catalog.ledger import witness  # noqa: F401  registers with the trail
