"""What the commands about accounts share: who and what is named on the command line, and errors as one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError

from catalog.audit.errors import PlatformError
from catalog.people.models import Organisation, User


def person(name: str) -> User:
    """Raises ``CommandError``."""
    user = User.objects.filter(username=name).first()
    if user is None:
        raise CommandError(f"There is no account {name}; list_people names all.")
    return user


def organisation(slug: str) -> Organisation:
    """Raises ``CommandError``."""
    named = Organisation.objects.filter(slug=slug).first()
    if named is None:
        raise CommandError(f"There is no organisation {slug}; make it with create_organisation.")
    return named


@contextmanager
def told() -> Iterator[None]:
    """What the platform refuses, as a command says it."""
    try:
        yield
    except PlatformError as error:
        raise CommandError(error.detail) from None
