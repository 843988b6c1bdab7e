"""``manage.py hand_over DATASET NAME``: another steward of the same organisation takes a dataset over."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.datasets import services
from catalog.datasets.models import Dataset
from catalog.people.management.accounts import person, told


class Command(BaseCommand):
    help = "Hand a dataset over to another steward of its organisation."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dataset", help="slug")
        parser.add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        dataset, to = Dataset.objects.filter(slug=options["dataset"]).first(), person(options["username"])
        if dataset is None:
            raise CommandError(f"There is no dataset {options['dataset']}.")
        with told():
            services.hand_over(by=None, dataset=dataset, to=to)
        self.stdout.write(f"{to.get_username()} is the steward of {dataset.slug}.")
