from django.apps import AppConfig


class ReviewConfig(AppConfig):
    name = "catalog.review"
    label = "review"
    verbose_name = "who cleared it"
