"""Loaded before Django's settings (``-p tests.environment``): every test process has a folder and keys of its own."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pyrage
from hypothesis import settings

# Every run draws the same examples: a test fails for what was changed, never by chance (more: tests/examples.py).
settings.register_profile("quick", derandomize=True, deadline=None, database=None)
settings.load_profile("quick")

folder = Path(tempfile.mkdtemp(prefix="opendata-tests-"))
atexit.register(shutil.rmtree, folder, ignore_errors=True)
_identity = pyrage.x25519.Identity.generate()
(folder / "identity").write_text(str(_identity))

(folder / "static").mkdir()
os.environ["OPENDATA_TESTING"] = "1"
os.environ["OPENDATA_MODE"] = "embedded"
os.environ["DATA_DIR"] = str(folder)
os.environ["SECRET_KEY"] = "only-for-tests-" + os.urandom(16).hex()
os.environ["TRAIL_CHECKPOINT_KEY"] = os.urandom(32).hex()
os.environ["VAULT_RECIPIENT"] = str(_identity.to_public())
os.environ["SECOND_FACTOR"] = "optional"  # tests of it demand it by the setting
os.environ["VAULT_IDENTITY_FILE"] = str(folder / "identity")
for name in ("SITE_URL", "ALLOWED_HOSTS"):
    os.environ.pop(name, None)
