"""Measuring: peak memory of a process and its children, medians, and one way to print a figure beside its bare cost."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Peak:
    """Peak resident memory, in MB: of the largest single process of a process group, and of the group together."""

    group: int
    largest: float = 0.0
    together: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        while not self._stop.wait(0.05):
            sizes = [_resident(pid) for pid in _members(self.group)]
            self.largest = max([self.largest, *sizes])
            self.together = max(self.together, sum(sizes))


def _members(group: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[2]) == group:
                found.append(int(entry.name))
    return found


def _resident(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * 4096 / 1e6


@contextmanager
def peak_of(group: int) -> Iterator[Peak]:
    peak = Peak(group)
    thread = threading.Thread(target=peak.watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        peak._stop.set()
        thread.join()


@contextmanager
def clock() -> Iterator[list[float]]:
    """``with clock() as took: …``; afterwards ``took[0]`` is the seconds."""
    took: list[float] = []
    start = time.perf_counter()
    try:
        yield took
    finally:
        took.append(time.perf_counter() - start)


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def milliseconds(values: list[float]) -> str:
    return f"median {statistics.median(values) * 1e3:.1f} ms, p95 {percentile(values, 0.95) * 1e3:.1f} ms, n {len(values)}"


def say(name: str, figure: str, bare: str = "") -> None:
    print(f"{name:42s} {figure}{'   | bare: ' + bare if bare else ''}", flush=True)
