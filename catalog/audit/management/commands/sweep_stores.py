"""``manage.py sweep_stores``: remove files that nothing in the database speaks of; ``--dry-run`` only names them."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from catalog.audit.sweeping import STORES, sweep_stores
from catalog.core.leftovers import leftovers


class Command(BaseCommand):
    help = "Remove files that nothing in the database speaks of, older than a day, from vault, artefacts and public store."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="name them, remove nothing")
        parser.add_argument("--even-most", action="store_true", help="also where most of a store would go: look at the database first")

    def handle(self, *args: Any, **options: Any) -> None:
        stores = [leftovers(name) for name in STORES] if options["dry_run"] else sweep_stores(even_most=options["even_most"])
        for seen in stores:
            kept = seen.refused and not options["even_most"]
            done = "would go" if options["dry_run"] else "REFUSED: most of the store would go; is this its database?" if kept else "removed"
            self.stdout.write(f"{seen.store}: {len(seen.unknown)} of {seen.files} files {done}")
            if options["dry_run"]:
                for name in seen.unknown:
                    self.stdout.write(f"  {name}")
