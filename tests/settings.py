"""The product's settings without what only costs time: half a second for each password, a manifest of static files."""

import os

from opendata.settings import *  # noqa: F403
from opendata.settings import DATABASES as _DATABASES
from opendata.settings import STORAGES as _STORAGES

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {**_STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
if _DATABASES["default"]["ENGINE"].endswith("postgresql"):  # two suites on one server do not meet
    _run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    DATABASES = {"default": {**_DATABASES["default"], "TEST": {"NAME": f"test_{_run[:12]}"}}}
