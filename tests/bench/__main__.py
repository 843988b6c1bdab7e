"""``make bench``: the measurements, printed beside the bare cost of the same machine in the same run.

``python -m tests.bench [aggregates] [bad_input] [city] [engine] [kills] [microdata] [retail] [records] [upload] [auditor] [coverage] [totals]``; all when none is named. Needs ../shared for real data.
"""

from __future__ import annotations

import logging
import sys

from tests.bench import (
    aggregates,
    auditor,
    bad_input,
    city,
    coverage,
    engine,
    kills,
    microdata,
    records,
    retail,
    totals,
    upload,
)

ALL = {"engine": engine.main, "aggregates": aggregates.main, "bad_input": bad_input.main, "microdata": microdata.main, "retail": retail.main, "city": city.main, "kills": kills.main, "records": records.main, "upload": upload.main, "auditor": auditor.main, "coverage": coverage.main, "totals": totals.main}

if __name__ == "__main__":
    logging.disable(logging.INFO)
    for name in sys.argv[1:] or ALL:
        print(f"── {name}", flush=True)
        ALL[name]()
