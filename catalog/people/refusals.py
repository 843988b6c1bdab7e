"""What the pages of signing in say when they refuse, in the reader's language, by the error's code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext, gettext_lazy, ngettext

from catalog.audit.errors import PlatformError, TooMany


@dataclass(frozen=True, slots=True)
class Refusal:
    """A note: a word or two that stand out, what happened, and the status of the page."""

    word: str
    text: str
    status: int
    wait: int = 0


WORDS: Final = {
    "bad_credentials": gettext_lazy("Not signed in."),
    "second_factor_wrong": gettext_lazy("Not signed in."),
    "not_signed_on": gettext_lazy("Not signed in."),
    "link_ended": gettext_lazy("This link has ended."),
}
TEXTS: Final = {
    "bad_credentials": gettext_lazy("The name or the password is not right. Nothing was changed; try again."),
    "second_factor_wrong": gettext_lazy(
        "The code or the passkey is not right, or was used before. Each code is good once: wait for the next one."
    ),
    "not_signed_on": gettext_lazy(
        "Single sign-on did not vouch for an account of this site. Ask an administrator to link yours, or sign in with "
        "name and password."
    ),
    "link_ended": gettext_lazy("It was used already, or is older than an hour. Nothing was changed. Ask for another."),
}


def of(error: PlatformError, text: str = "", word: str = "") -> Refusal:
    """``text`` and ``word`` where a page has better ones for this error than those above."""
    status = 422 if error.status == 401 else error.status  # a form that was filled in wrongly; browsers ask nobody for 401
    wait = int(error.extra.get("retry_after", 0)) if isinstance(error, TooMany) else 0
    if wait:
        said = ngettext(
            "There were too many attempts. Wait %(seconds)s second and try again.",
            "There were too many attempts. Wait %(seconds)s seconds and try again.",
            wait,
        ) % {"seconds": wait}
        return Refusal(gettext("Not so fast."), said, status, wait)
    return Refusal(
        word or str(WORDS.get(error.code, gettext("Nothing was changed."))),
        text or str(TEXTS.get(error.code, error.detail)),
        status,
    )
