"""Keeps people's values out of the logs.

An exception's text may quote the value it choked on (a parser, a database driver, pandas), and a traceback prints that
text. The log keeps where it happened and of which class it was, never what it said, unless the exception is one of our
own, which are written to be safe. So may an address that somebody typed, and a header that was refused: the log keeps which
of our addresses it was, and what kind of refusal.
"""

from __future__ import annotations

import logging
import traceback
from typing import Any

from anonymize.errors import AnonymizeError

_SECURITY = "django.security."  # Django writes there what it refused, with the text of its exception
_CSRF = "django.security.csrf"  # ... but for this one, which says a reason of its own and the address


class NoValues(logging.Filter):
    """Replaces a traceback by its frames and the exception's class, and what a request said by which address it was for."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = getattr(record, "request", None)
        if record.name.startswith(_SECURITY) and record.name != _CSRF:
            record.msg, record.args = f"refused: {record.name.removeprefix(_SECURITY)}", ()
        elif request is not None and isinstance(record.args, tuple):
            record.args = tuple(_without_address(argument, request) for argument in record.args)
        if record.exc_info and record.exc_info[0] is not None:
            kind, error, tb = record.exc_info
            frames = "".join(traceback.format_list(list(traceback.extract_tb(tb))))
            said = f": {error.message}" if isinstance(error, AnonymizeError) else ""
            record.msg = f"{record.getMessage()}\n{frames}{kind.__name__}{said}"
            record.args = ()
            record.exc_info = None
            record.exc_text = None
        return True


class NoRequests(NoValues):
    """For the web server's own log, which quotes a request that it cannot read, and the address of one that failed.

    What it cannot read may be a file: one that came in chunks of no size, or without the line that ends the headers.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        text = str(record.msg)
        if text.startswith("Invalid request"):
            record.msg, record.args = f"{text.partition(': ')[0]}: what was sent is not quoted", ()
        elif text.startswith("Error handling request"):
            record.msg, record.args = "Error handling request", ()
        return super().filter(record)


def _without_address(argument: Any, request: Any) -> Any:
    return route_of(request) if argument in (getattr(request, "path", None), getattr(request, "path_info", None)) else argument


def route_of(request: Any) -> str:
    """Which of our addresses a request is for, with names in the place of what was filled in."""
    match = getattr(request, "resolver_match", None)
    return f"/{match.route}" if match is not None else "(no address of ours)"
