from django.apps import AppConfig


class DatasetsConfig(AppConfig):
    name = "catalog.datasets"
    label = "datasets"
    verbose_name = "what comes in"

    def ready(self) -> None:
        from catalog.core.leftovers import know
        from catalog.datasets import open_work, witness  # noqa: F401  register with the rooms below
        from catalog.datasets.selectors import destroyed_names, sealed_names

        know("vault", sealed_names, gone=destroyed_names)
