"""``manage.py checkpoint_trail``: sign where the trail stands, in the file outside the database."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.audit import checkpoints, services


class Command(BaseCommand):
    help = "Verify the trail, then append a signed checkpoint to TRAIL_CHECKPOINT_FILE."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            seq = services.checkpoint()
        except (services.TrailBroken, checkpoints.NoKey) as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(f"Not signed: the checkpoint file could not be written ({error.strerror}). What was in it is as it was.") from None
        self.stdout.write(f"Signed at entry {seq}.")
