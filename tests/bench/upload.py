"""Peak memory of web and worker while a CSV of 1 GB is uploaded and checked."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tests.bench.measure import clock, peak_of, say
from tests.bench.story import upload
from tests.live.platform import Client, platform

BYTES = int(os.environ.get("BENCH_UPLOAD_BYTES", 10**9))


def write(path: Path) -> None:
    line = "person{:07d},{},{:02d}:00,{},some remark that makes the line longer {}\n"
    block = "".join(line.format(i % 500_000, "north" if i % 3 else "south", i % 24, i % 1000, i % 97) for i in range(200_000)).encode()
    with path.open("wb") as file:
        file.write(b"person,town,hour,amount,remark\n")
        while file.tell() < BYTES:
            file.write(block)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "large.csv"
        write(source)
        (folder / "platform").mkdir()
        with platform(folder / "platform") as made:
            made.start()
            steward = Client(made.url, "stella")
            with clock() as took, peak_of(made.running["web"].pid) as web, peak_of(made.running["worker"].pid) as worker:
                upload(steward, "large", source)
            say(f"upload and check of {source.stat().st_size / 1e6:,.0f} MB", f"{took[0]:.0f} s")
            say("web process while it is uploaded", f"{web.largest:.0f} MB")
            say("worker process while it is checked", f"{worker.largest:.0f} MB")
