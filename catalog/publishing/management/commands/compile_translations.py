"""Compile the translations without gettext's tools, which a fresh machine does not have."""

import os
from typing import Any

import polib
from django.conf import settings
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Write the .mo file of every .po file that is newer."

    def handle(self, *args: Any, **options: Any) -> None:
        for folder in settings.LOCALE_PATHS:
            for source in folder.glob("*/LC_MESSAGES/*.po"):
                target = source.with_suffix(".mo")
                if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
                    part = target.with_suffix(f".{os.getpid()}")
                    polib.pofile(str(source)).save_as_mofile(str(part))
                    part.replace(target)  # other processes read it, or write it as well, at this very moment
