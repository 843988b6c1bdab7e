"""Settings that would undo what the platform promises are found by ``manage.py check``, and stop every process in production."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyrage
import pytest
from django.core.checks import registry
from django.core.exceptions import ImproperlyConfigured

from opendata import checks, rules
from tests.docs.test_deployment import environment

ROOT = Path(__file__).resolve().parents[2]
PAIR = pyrage.x25519.Identity.generate()
RECIPIENT = str(PAIR.to_public())


def said(*command: str, folder: Path, **changes: str | None) -> tuple[int, str]:
    """Exit status and all output of a command in production; no server is needed."""
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, text=True, capture_output=True, check=False, timeout=60,
        env=environment(**{"DATA_DIR": str(folder), "VAULT_RECIPIENT": RECIPIENT, **changes}) | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def found(output: str) -> set[str]:
    """Which of our rules a check names."""
    return {rule.id for rule in (*rules.RULES, *rules.DOOR_RULES) if f"(opendata.{rule.id})" in output}


@pytest.fixture
def identity(tmp_path) -> Path:
    path = tmp_path / "identity"
    path.write_text(f"{PAIR}\n")
    return path


@pytest.mark.parametrize("deploy", [(), ("--deploy",)], ids=["check", "check --deploy"])
def test_a_good_production_environment_passes(tmp_path, identity, deploy):
    good = {
        "ALLOWED_HOSTS": "data.example.org,.opendata.example.org,127.0.0.1,[::1]", "CSRF_TRUSTED_ORIGINS": "https://data.example.org",
        "VAULT_IDENTITY_FILE": str(identity),
    }  # fmt: skip
    status, output = said("manage.py", "check", *deploy, folder=tmp_path, **good)
    assert (status, found(output)) == (0, set()), output


# Several rules at a time, since each is a process of its own: what breaks them, and which they are.
WRONG = {
    "no hosts, no address, a site of one's own machine": (
        {"ALLOWED_HOSTS": "", "CSRF_TRUSTED_ORIGINS": "data.example.org", "SITE_URL": None},
        {"E004", "E019", "E020"},
    ),
    "hosts of blanks": ({"ALLOWED_HOSTS": " , "}, {"E004"}),
    "every host, and plain HTTP": (
        {"ALLOWED_HOSTS": "data.example.org,*", "SITE_URL": "http://data.example.org", "CSRF_TRUSTED_ORIGINS": "http://data.example.org"},
        {"E005", "E019", "E020"},
    ),
    "numbers and places that do nothing": ({"MAX_ATTEMPTS": "0", "API_TRUSTED_PROXIES": "-1", "TRAIL_CHECKPOINT_FILE": "/dev/null"}, {"E024", "E025"}),
    "origins of everybody": ({"CSRF_TRUSTED_ORIGINS": "https://*.org"}, {"E020"}),
    "keys in a row": ({"SECRET_KEY": "abcdefghijklmnopqrstuvwxyz" * 2, "TRAIL_CHECKPOINT_KEY": "b1b1d4dfd72b913210c00a578778924180970fb4982d834b5108192bf8242f09 "}, {"E016"}),
    "hosts that are none": ({"ALLOWED_HOSTS": "*.example.org,https://data.example.org,.org,data.example.org:443"}, {"E012", "E013"}),
    "short keys": ({"SECRET_KEY": "0123456789abcdef", "TRAIL_CHECKPOINT_KEY": "fedcba9876543210"}, {"E002", "E014", "E016"}),
    "one key for both": ({"TRAIL_CHECKPOINT_KEY": "622eb06f21ad7a3b33f1867487143b8e7fe103ef2ea76f720ee2d815ea4a00b2"}, {"E015"}),
    "keys of few characters": ({"SECRET_KEY": "x" * 64, "TRAIL_CHECKPOINT_KEY": "abcdefgh" * 8}, {"E016"}),
    "placeholders": ({"SECRET_KEY": "django-insecure-0123456789abcdefghijklm", "TRAIL_CHECKPOINT_KEY": "change-me-0123456789-abcdefghijklmnopq"}, {"E016", "E017"}),
    "a recipient that looks like one, SQLite, and no shared cache": ({"VAULT_RECIPIENT": "age1" + "q" * 58, "DATABASE_URL": "sqlite:////tmp/x.sqlite3", "CACHE_URL": None}, {"E003", "E021", "E023"}),
    "leases, an engine and a disk": ({"LEASE_SECONDS": "5", "SWEEP_SECONDS": "60", "ENGINE": "sprak", "SCRATCH_ON": "memori"}, {"E008", "E009", "E022"}),
}


@pytest.mark.parametrize(("changes", "expected"), WRONG.values(), ids=WRONG.keys())
def test_check_names_what_is_wrong(tmp_path, changes, expected):
    status, output = said("manage.py", "check", folder=tmp_path, **changes)
    assert (status, found(output)) == (1, expected), output


@pytest.mark.parametrize("content", [str(pyrage.x25519.Identity.generate()), "no identity", None], ids=["of another pair", "none", "no file"])
def test_a_worker_needs_the_identity_that_uploads_are_sealed_for(tmp_path, content):
    path = tmp_path / "other"
    if content is not None:
        path.write_text(content)
    status, output = said("manage.py", "check", folder=tmp_path, VAULT_IDENTITY_FILE=str(path))
    assert (status, found(output)) == (1, {"E018"})
    assert "AGE-SECRET-KEY" not in output


BAD = {"ALLOWED_HOSTS": "*", "SECRET_KEY": "x" * 64}
PROCESSES = {
    "check": ("manage.py", "check"),
    "check --deploy": ("manage.py", "check", "--deploy"),
    "migrate": ("manage.py", "migrate"),
    "another command": ("manage.py", "verify_trail"),
    "web": ("-c", "import opendata.wsgi"),
    "worker": ("-m", "celery", "-A", "opendata", "worker", "--pool", "solo"),
    "scheduler": ("-m", "celery", "-A", "opendata", "beat", "--schedule", "/tmp/never-made"),
}


@pytest.mark.parametrize("command", PROCESSES.values(), ids=PROCESSES.keys())
def test_every_process_stops_at_the_boot_and_says_why(tmp_path, command):
    status, output = said(*command, folder=tmp_path, **BAD)
    assert status not in (0, -9)
    assert "ALLOWED_HOSTS allows every host" in output and "repeats a few characters" in output
    assert "x" * 64 not in output


def test_a_rule_that_needs_no_environment_fires_too(settings, monkeypatch):
    """What no variable can break, and what the embedded set-up is held to as well."""
    settings.DEBUG, settings.USE_TZ, settings.CELERY_ACCEPT_CONTENT = True, False, ["json", "pickle"]
    settings.FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
    monkeypatch.setattr(rules, "missing", lambda engine: "There is no Java.")
    assert {error.id for error in checks.safety(None)} == {f"opendata.E{n:03}" for n in (1, 6, 7, 10, 11)}
    with pytest.raises(ImproperlyConfigured, match="DEBUG is on"):
        checks.stop_if_unsafe()


def test_every_rule_is_shown_to_fire_by_a_test_here():
    shown = {rule for _, expected in WRONG.values() for rule in expected} | {"E001", "E006", "E007", "E010", "E011", "E018"}
    assert shown == {rule.id for rule in rules.RULES}


def test_each_rule_has_an_id_of_its_own():
    assert len({rule.id for rule in rules.RULES}) == len(rules.RULES)


def test_the_checks_are_registered_without_the_addresses():
    """Django imports the addresses for one of its own checks; ours must not hang on that."""
    assert checks.safety in registry.registry.get_checks()
    program = "import django; django.setup(); import sys; from opendata import checks; from django.core.checks import registry; "
    program += "assert 'opendata.urls' not in sys.modules and checks.safety in registry.registry.get_checks()"
    done = subprocess.run([sys.executable, "-c", program], env={**os.environ, "DJANGO_SETTINGS_MODULE": "opendata.settings"}, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_embedded_set_up_starts_with_its_own_addresses_and_sqlite(settings):
    assert settings.OPENDATA_MODE == "embedded" and rules.broken() == []


def test_keys_that_are_made_pass(capsys, settings):
    from opendata import keys

    keys.main()
    lines = dict(line.split("=", 1) for line in capsys.readouterr().out.splitlines() if "=" in line)
    settings.OPENDATA_MODE, settings.SITE_URL, settings.CSRF_TRUSTED_ORIGINS = "production", "https://data.example.org", []
    settings.SECRET_KEY, settings.TRAIL_CHECKPOINT_KEY = lines["SECRET_KEY"], lines["TRAIL_CHECKPOINT_KEY"]
    settings.ALLOWED_HOSTS, settings.VAULT_IDENTITY_FILE = ["data.example.org"], ""
    settings.VAULT_RECIPIENT = lines["VAULT_RECIPIENT"].split()[0]
    of_keys = {"E002", "E003", "E014", "E015", "E016", "E017", "E018"}
    assert of_keys & {rule.id for rule in rules.broken()} == set()
