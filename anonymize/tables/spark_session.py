"""The Spark that rows live in: one a process, started when it is first needed, and quiet about values.

``ANONYMIZE_SPARK_MASTER`` says where it runs: ``local[*]`` (the default: this machine, all cores), ``spark://host:7077``
or whatever Spark takes for a master. All else (memory, executors, the folder it spills to) is Spark's own configuration:
``spark-defaults.conf`` in ``SPARK_CONF_DIR``.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import re
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa

from anonymize.errors import AnonymizeError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MASTER = "ANONYMIZE_SPARK_MASTER"
NO_PYSPARK = "Spark is not installed: pip install 'opendata[spark]', or choose another engine"
NO_JAVA = "Spark needs Java 17 or later: install it and put java on the PATH or name it in JAVA_HOME, or choose another engine"

# Of the session that we work in, whoever started Spark.
SESSION = {
    "spark.sql.session.timeZone": "UTC",  # a cast must not depend on where a worker runs
    "spark.sql.ansi.enabled": "true",  # overflow is an error, never a wrapped or a missing number
    "spark.sql.timestampType": "TIMESTAMP_NTZ",  # a time without a zone stays without one
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",  # one calendar, before 1582 too
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.redaction.string.regex": "(?s).+",  # plans quote a recipe's values: pages and event logs show none
}
# Of a Spark that we start.
START = {
    "spark.app.name": "anonymize",
    "spark.log.level": "OFF",  # messages of failed tasks quote values
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.io.encryption.enabled": "true",  # what it spills is sealed with a key that only its processes hold
}
_MASTERS = re.compile(r"local(\[(\*|\d+)( *, *\d+)?\])?|local-cluster\[.+\]|yarn|[a-z0-9]+://.+")
LOCAL = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
}


def session(master: str | None = None, **more: str) -> SparkSession:
    """The process's Spark session, started when there is none; ``more`` settings are for one that is started here.

    Raises AnonymizeError when pyspark or Java is missing.
    """
    lacks = missing()
    if lacks is not None:
        raise _cannot_start(lacks)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it does not know pandas 3 yet, and we hand it Arrow tables only
        from pyspark.sql import SparkSession

        running: SparkSession | None = SparkSession.getActiveSession()
        return running if running is not None else _started(SparkSession.builder, master or os.environ.get(MASTER) or "local[*]", more)


def missing() -> str | None:
    """What must be installed before Spark can start here, if anything."""
    if importlib.util.find_spec("pyspark") is None:
        return NO_PYSPARK
    home = os.environ.get("JAVA_HOME")
    return None if shutil.which("java", path=os.path.join(home, "bin") if home else None) else NO_JAVA


def ours(running: SparkSession) -> SparkSession:
    """A session of the same Spark with the settings that exactness depends on; the caller's own keeps its own."""
    _hush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = running.newSession()
    for name, value in SESSION.items():
        made.conf.set(name, value)
    return made


@contextmanager
def no_values_told() -> Iterator[None]:
    """Spark's messages quote values ("the value '…' cannot be cast"): only their kind may leave."""
    try:
        yield
    except (*failures(), pa.ArrowException) as error:
        failure = AnonymizeError(f"the table engine could not finish: {type(error).__name__}")
        failure.who = "us"
        raise failure from None


def failures() -> tuple[type[Exception], ...]:
    """What Spark raises."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    return PySparkException, Py4JError


def _hush() -> None:
    """The Python side writes failed queries with their values to its own logs, and all it sends to Spark at level DEBUG."""
    from pyspark.logger import PySparkLogger

    for name in ("DataFrameQueryContextLogger", "SQLQueryContextLogger"):
        PySparkLogger.getLogger(name).disabled = True
    logging.getLogger("py4j").setLevel(logging.ERROR)


def _started(builder: SparkSession.Builder, master: str, more: Mapping[str, str]) -> SparkSession:
    wrong = f"Spark could not be started at {master}: is that master right ({MASTER}), and is Java 17 or later there?"
    if not _MASTERS.fullmatch(master):  # Spark would say so too, below a page of its own stack trace
        raise _cannot_start(wrong)
    settings = {**START, **more}
    if master.startswith("local"):
        settings = {**LOCAL, **settings}
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")  # or it looks for another and complains
    builder = builder.master(master)
    for name, value in settings.items():
        builder = builder.config(name, value)
    try:
        return builder.getOrCreate()
    except failures():
        pass  # told below, outside this block: the error may quote more than the address
    raise _cannot_start(wrong)


def _cannot_start(message: str) -> AnonymizeError:
    error = AnonymizeError(message)
    error.who = "us"
    return error
