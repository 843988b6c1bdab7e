"""The product's settings without what only costs time: half a second for each password, a manifest of static files."""

from opendata.settings import *  # noqa: F403
from opendata.settings import STORAGES as _STORAGES

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {**_STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
