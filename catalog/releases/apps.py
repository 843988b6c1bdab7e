from django.apps import AppConfig


class ReleasesConfig(AppConfig):
    name = "catalog.releases"
    label = "releases"
    verbose_name = "what is made of it"
