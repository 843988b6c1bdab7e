"""``manage.py verify_trail``: exit 0 when the trail is whole and the tables say what it says; 1 when not, saying where."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from catalog.audit import checkpoints, services


class Command(BaseCommand):
    help = "Recompute the trail's hash chain, compare it with the signed checkpoints, and all tables with what it tells."

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
            self._fail(self._why(found))
        if options["require_checkpoint"] and not found.checkpoints:
            self._fail("There is no signed checkpoint: a trail that was replaced as a whole would look like this one.")
        if found.torn_checkpoint:
            self.stdout.write("The last line of the checkpoint file was cut off while it was written. It vouches for nothing; the next checkpoint mends it.")
        if found.unsaid:
            self.stdout.write(f"Of {found.unsaid} records the trail, written by earlier code, does not tell all that is compared.")
        self.stdout.write(f"The trail is whole: {found.entries} entries, {found.checkpoints} signed checkpoints agree; the records are what it says.")

    def _why(self, found: services.Verification) -> str:
        """The chain first; what differs from a trail that is broken is shown too, and worth as much as the trail."""
        lines = []
        if found.reason:
            where = f" at entry {found.first_bad_seq}" if found.first_bad_seq else ""
            lines.append(f"The trail is NOT whole{where}: {found.reason}.")
        if found.differences:
            broken = ", which is broken itself," if found.reason else ""
            lines.append(f"{found.differences} records are NOT what the trail{broken} says:")
            lines += [f"  {discrepancy}" for discrepancy in found.discrepancies]
        if found.differences > len(found.discrepancies):
            lines.append(f"  and {found.differences - len(found.discrepancies)} more")
        return "\n".join(lines)

    def _fail(self, why: str) -> None:
        self.stderr.write(why)
        sys.exit(1)
