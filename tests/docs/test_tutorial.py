"""The tutorial works as written: its commands are run, one after the other, against a platform of real processes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from opendata.demo.client import Caller
from opendata.embedded import Embedded
from tests.docs.reading import ROOT, text
from tests.live.platform import PASSWORD, PATIENCE_S
from tests.needs import SHELL

pytestmark = [pytest.mark.live]

SCOPES = {"sora": ["read", "datasets:write", "runs:write"], "olga": ["read", "reviews:decide"], "dev": ["read"]}
SLUG = "people-by-hour"


def commands() -> str:
    """The tutorial's shell blocks in order; its recipe is saved where the reader is told to save it."""
    parts = []
    for language, body in re.findall(r"^```(bash|json)\n(.*?)^```$", text("tutorial.md"), re.MULTILINE | re.DOTALL):
        parts.append(body if language == "bash" else f"cat > my-recipe.json <<'RECIPE'\n{body}RECIPE\n")
    return "set -euo pipefail\n" + "\n".join(parts)


def keys(url: str) -> dict[str, str]:
    """The headers of step 4."""
    headers = {}
    for name, scopes in SCOPES.items():
        caller = Caller(url)
        caller.sign_in(name, PASSWORD)
        expires = time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(time.time() + 3 * 86400))
        made = caller.post("/keys", {"name": "tutorial", "scopes": scopes, "expires_at": expires})
        headers[name.upper()] = f"Authorization: Bearer {made['secret']}"
        caller.close()
    return headers


WAITING = """
import sys, time, httpx
api, sora, olga = sys.argv[1], *({"Authorization": a.partition(": ")[2]} for a in sys.argv[2:])
def get(path, headers): return httpx.get(api + path, headers=headers, trust_env=False, timeout=PATIENCE_S).json()["results"]
deadline = time.monotonic() + PATIENCE_S
while time.monotonic() < deadline:
    things = get("/datasets/SLUG/versions", sora) + get("/datasets/SLUG/runs", sora)
    busy = any(thing["state"] in ("received", "checking", "queued", "running") for thing in things)
    approved = any(review["state"] == "approved" and review["dataset"] == "SLUG" for review in get("/reviews", olga))
    if not busy and (not approved or httpx.get(api + "/datasets/SLUG", trust_env=False, timeout=PATIENCE_S).status_code == 200):
        sys.exit(0)
    time.sleep(0.2)
sys.exit("nothing came of the waiting")
""".replace("SLUG", SLUG).replace("PATIENCE_S", str(PATIENCE_S))


def test_every_command_of_the_tutorial_works(site: Embedded, tmp_path: Path) -> None:
    if not (shutil.which("curl") and shutil.which("bash")):
        SHELL.missing()
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    python = tmp_path / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    (tmp_path / "waiting.py").write_text(WAITING)
    # a reader waits some seconds; a loaded machine may need more, so here it is waited until there is no more to wait for
    patient = 'sleep() { .venv/bin/python waiting.py "$API" "$SORA" "$OLGA"; }\n'
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT), "no_proxy": "*",
                   "API": f"{site.url}/api/v1", **keys(site.url)}  # fmt: skip
    done = subprocess.run(
        ["bash", "-c", patient + commands()], cwd=tmp_path, env=environment, text=True, capture_output=True, check=False, timeout=2 * PATIENCE_S
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    assert any("±72" in line for line in lines), "the preview says what the tutorial says"
    rows = json.loads(next(line for line in lines if line.startswith('{"records"')))["records"]
    assert len(rows) == 3
    assert set(rows[0]) == {"event_at_hour_of_day", "people", "people_lower", "people_upper"}
    hashes = [line for line in lines if re.fullmatch(r"[0-9a-f]{64}", line)]
    assert len(hashes) == 2 and len(set(hashes)) == 1, "the file is the approved one"
    assert lines[lines.index(hashes[0]) + 2] == "403", "the key was not made for stopping"
