"""The product's settings, for processes of tests that sign in often: a password does not take half a second."""

from opendata.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
