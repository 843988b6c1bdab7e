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


def upload(
    steward: Client, slug: str, path: Path, seconds: float = 900, *, population: str = "residents", layers: dict[str, bytes] | None = None
) -> dict[str, Any]:
    """Create the dataset, put its layers, upload the file, wait until a worker has checked it."""
    steward.must("POST", "/datasets", json={"slug": slug, "title": slug, "organisation": "mobility", "source": "government", "population": population})
    for name, content in (layers or {}).items():
        steward.must("PUT", f"/datasets/{slug}/hierarchies/{name}", content=content, headers={"Content-Type": "application/geo+json"})
    version = steward.must(
        "POST", f"/datasets/{slug}/versions?file_name={path.name}", content=stream(path),
        headers={"Content-Type": "application/octet-stream"}, timeout=seconds,
    )  # fmt: skip
    seen = steward.until(f"/datasets/{slug}/versions/{version['id']}", lambda v: v["state"] in ("ready", "rejected"), seconds)
    if seen["state"] != "ready":
        raise RuntimeError(str(seen))
    return seen


def set_roles(steward: Client, slug: str, version: dict[str, Any], roles: dict[str, str]) -> None:
    """Of the columns that the version has."""
    known = {name: {"role": roles[name]} for name in roles.keys() & {column["name"] for column in version["columns"]}}
    steward.must("PATCH", f"/datasets/{slug}/versions/{version['id']}/columns", json={"columns": known})


def release(made: Embedded, steward: Client, slug: str, version: dict[str, Any], recipe: dict[str, Any], seconds: float = 900) -> dict[str, Any]:
    """Set the roles that the recipe names, run it, have it approved, wait for the publication."""
    read = {name: "plain" for stage in recipe["stages"] for name in stage.get("product", [stage.get("column", "")])}
    set_roles(steward, slug, version, read | {name: column["role"] for name, column in recipe["columns"].items()})
    run = steward.must("POST", f"/datasets/{slug}/runs", json={"recipe": recipe})
    ended = steward.until(f"/runs/{run['id']}", lambda r: r["state"] not in ("queued", "running"), seconds)
    if ended["state"] != "assessed":
        raise RuntimeError(str(ended.get("error")))
    review = steward.must("POST", f"/runs/{run['id']}/submission", json={"context": WHY})
    officer = Client(made.url, "oscar")
    decision = {"verdict": "approve", "reason_code": "risk_acceptable", "reason": WHY, "artefact_sha256": review["artefact_sha256"]}
    officer.must("POST", f"/reviews/{review['id']}/decisions", json=decision)
    steward_view = Client(made.url, "dora")
    return steward_view.until(f"/datasets/{slug}", lambda d: (d.get("latest_release") or {}).get("artefact_sha256") == review["artefact_sha256"], seconds)
