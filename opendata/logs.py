"""Keeps people's values out of the logs.

An exception's text may quote the value it choked on (a parser, a database driver, pandas), and a traceback prints that
text. The log keeps where it happened and of which class it was, never what it said, unless the exception is one of our
own, which are written to be safe.
"""

from __future__ import annotations

import logging
import traceback

from anonymize.errors import AnonymizeError


class NoValues(logging.Filter):
    """Replaces a traceback by its frames and the exception's class."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[0] is not None:
            kind, error, tb = record.exc_info
            frames = "".join(traceback.format_list(list(traceback.extract_tb(tb))))
            said = f": {error.message}" if isinstance(error, AnonymizeError) else ""
            record.msg = f"{record.getMessage()}\n{frames}{kind.__name__}{said}"
            record.args = ()
            record.exc_info = None
            record.exc_text = None
        return True
