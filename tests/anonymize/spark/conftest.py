"""One Spark for all tests of a process, on this machine alone; without pyspark or Java its tests are skipped, and say so."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from typing import Any

import pytest

from anonymize.tables import SparkEngine, spark_session
from tests.needs import JAVA, PYSPARK

PATIENCE_S = 60
# Tests are short: what is compiled for a long run costs more than it gives.
QUICK = {"spark.sql.shuffle.partitions": "2", "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}


@pytest.fixture(scope="session")
def spark(tmp_path_factory) -> Iterator[object]:
    lacks = spark_session.missing()
    if lacks is not None:
        (PYSPARK if lacks == spark_session.NO_PYSPARK else JAVA).missing()
    with pytest.MonkeyPatch.context() as here:
        here.setenv(spark_session.MASTER, "local[2]")
        running = spark_session.session(**QUICK, **{"spark.local.dir": str(tmp_path_factory.mktemp("spark"))})
    yield running
    ended(running)


def ended(running: Any) -> None:
    """Stop Spark, and its Java: py4j tells it of every object that is let go, and complains when it is no longer there."""
    from pyspark import SparkContext

    gateway = running.sparkContext._gateway
    running.stop()
    gc.collect()
    deadline = time.monotonic() + PATIENCE_S
    while gateway._gateway_client.finalizer_deque and time.monotonic() < deadline:
        time.sleep(0.05)
    gateway.shutdown()
    gateway.proc.stdin.close()  # at which it ends
    gateway.proc.wait(PATIENCE_S)
    SparkContext._gateway = SparkContext._jvm = None


@pytest.fixture
def engine(spark, tmp_path):
    with SparkEngine(spark, temp_directory=tmp_path) as made:
        yield made
