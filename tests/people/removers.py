"""A process of test_leaving: two administrators remove each other at once, ten times. Not a test itself."""

from __future__ import annotations

import json
import sys
import threading

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402

from catalog.audit.errors import Conflict, NotAllowed  # noqa: E402
from catalog.people import leaving, services  # noqa: E402
from catalog.people.models import User  # noqa: E402

NAMES = ("one", "two")


def race() -> int:
    """How many of the two were refused."""
    started, refused = threading.Barrier(2), []

    def remove(by: str, whom: str) -> None:
        try:
            me, other = User.objects.get(username=by), User.objects.get(username=whom)
            started.wait()
            leaving.close_account(by=me, user=other, reason="Both at once.")
        except (NotAllowed, Conflict):
            refused.append(by)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=remove, args=pair) for pair in (NAMES, NAMES[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(refused)


def again() -> None:
    """Both are administrators as before."""
    for user in User.objects.filter(is_active=False):
        leaving.reopen_account(by=None, user=user)
        services.grant_role(by=None, user=user, role="administrator")


if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    for name in NAMES:
        services.create_user(by=None, username=name, password="a long sentence for tests", roles=["administrator"])
    left, refused = [], []
    for _ in range(10):
        refused.append(race())
        left.append(User.objects.filter(is_active=True, groups__name="administrator").count())
        again()
    sys.stdout.write(json.dumps({"left": left, "refused": refused}) + "\n")
