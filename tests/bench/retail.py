"""Upload, check, run, approve and publish online_retail, over the API with real processes."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.anonymize.pipeline.test_real_data import RETAIL
from tests.bench.measure import clock, say
from tests.bench.story import release, upload
from tests.conftest import SHARED
from tests.live.platform import Client, platform


def main() -> None:
    source = SHARED / "data" / "online_retail" / "online_retail.parquet"
    if not source.is_file():
        say("online_retail", "skipped: ../shared is not here")
        return
    with tempfile.TemporaryDirectory() as name, platform(Path(name)) as made:
        made.start()
        steward = Client(made.url, "stella")
        with clock() as whole:
            with clock() as uploaded:
                version = upload(steward, "retail", source)
            with clock() as ran:
                release(made, steward, "retail", version, RETAIL)
        say("online_retail, 541,909 rows", f"upload and check {uploaded[0]:.1f} s, run to publication {ran[0]:.1f} s, together {whole[0]:.1f} s")
