from django.apps import AppConfig


class ReleasesConfig(AppConfig):
    name = "catalog.releases"
    label = "releases"
    verbose_name = "what is made of it"

    def ready(self) -> None:
        from catalog.core.leftovers import know
        from catalog.releases import handlers, open_work, witness  # noqa: F401  register with the rooms below
        from catalog.releases.selectors import artefact_names

        know("artefacts", artefact_names)
