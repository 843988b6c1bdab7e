"""From a file to a published release over the API, for measurements."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from opendata.embedded import Embedded
from tests.live.platform import Client

CHUNK = 1 << 20
WHY = "Measured on data that are made up or public."


def stream(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def upload(steward: Client, slug: str, path: Path, seconds: float = 900) -> dict[str, Any]:
    """Create the dataset, upload the file, wait until a worker has checked it."""
    steward.must("POST", "/datasets", json={"slug": slug, "title": slug, "organisation": "mobility", "source": "government", "population": "residents"})
    version = steward.must(
        "POST", f"/datasets/{slug}/versions?file_name={path.name}", content=stream(path),
        headers={"Content-Type": "application/octet-stream"}, timeout=seconds,
    )  # fmt: skip
    seen = steward.until(f"/datasets/{slug}/versions/{version['id']}", lambda v: v["state"] in ("ready", "rejected"), seconds)
    if seen["state"] != "ready":
        raise RuntimeError(str(seen))
    return seen


def release(made: Embedded, steward: Client, slug: str, version: dict[str, Any], recipe: dict[str, Any], seconds: float = 900) -> dict[str, Any]:
    """Set the roles that the recipe names, run it, have it approved, wait for the publication."""
    roles = {name: {"role": column["role"]} for name, column in recipe["columns"].items() if name in {c["name"] for c in version["columns"]}}
    steward.must("PATCH", f"/datasets/{slug}/versions/{version['id']}/columns", json={"columns": roles})
    run = steward.must("POST", f"/datasets/{slug}/runs", json={"recipe": recipe})
    ended = steward.until(f"/runs/{run['id']}", lambda r: r["state"] not in ("queued", "running"), seconds)
    if ended["state"] != "assessed":
        raise RuntimeError(str(ended.get("error")))
    review = steward.must("POST", f"/runs/{run['id']}/submission", json={"context": WHY})
    officer = Client(made.url, "oscar")
    decision = {"verdict": "approve", "reason_code": "risk_acceptable", "reason": WHY, "artefact_sha256": review["artefact_sha256"]}
    officer.must("POST", f"/reviews/{review['id']}/decisions", json=decision)
    steward_view = Client(made.url, "dora")
    return steward_view.until(f"/datasets/{slug}", lambda d: bool(d.get("latest_release")), seconds)
