"""``manage.py verify_trail``: exit 0 when the trail is whole, 1 when it was tampered with, saying where."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from catalog.audit import checkpoints, services


class Command(BaseCommand):
    help = "Recompute the trail's hash chain and compare it with the signed checkpoints."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--require-checkpoint", action="store_true", help="fail when there is no signed checkpoint to compare with"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = services.verify()
        except checkpoints.NoKey as error:
            self._fail(str(error))
        if not found.ok:
            where = f" at entry {found.first_bad_seq}" if found.first_bad_seq else ""
            self._fail(f"The trail is NOT whole{where}: {found.reason}.")
        if options["require_checkpoint"] and not found.checkpoints:
            self._fail("There is no signed checkpoint: a trail that was replaced as a whole would look like this one.")
        if found.torn_checkpoint:
            self.stdout.write("The last line of the checkpoint file was cut off while it was written. It vouches for nothing; the next checkpoint mends it.")
        self.stdout.write(f"The trail is whole: {found.entries} entries, {found.checkpoints} signed checkpoints agree.")

    def _fail(self, why: str) -> None:
        self.stderr.write(why)
        sys.exit(1)
