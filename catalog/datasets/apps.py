from django.apps import AppConfig


class DatasetsConfig(AppConfig):
    name = "catalog.datasets"
    label = "datasets"
    verbose_name = "what comes in"
