"""The production stack, as far as it can be looked at without starting containers; and what production refuses."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Any

import pyrage
import pytest
import yaml

from tests.docs.reading import DOCS, ROOT, text

SECRETS = ("SECRET_KEY", "TRAIL_CHECKPOINT_KEY", "VAULT_RECIPIENT", "VAULT_IDENTITY_PATH", "POSTGRES_PASSWORD", "REDIS_PASSWORD")
OURS = ("migrate", "web", "worker", "beat")


@pytest.fixture(scope="module")
def stack() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))


def mounts(service: dict[str, Any]) -> dict[str, str]:
    """Volume → how it is mounted."""
    return dict(volume.split(":", 1) for volume in service.get("volumes", []))


def test_only_workers_get_the_key_of_the_vault(stack):
    holders = [name for name, service in stack["services"].items() if "vault_identity" in service.get("secrets", [])]
    told = [name for name, service in stack["services"].items() if "VAULT_IDENTITY_FILE" in service.get("environment", {})]
    assert holders == told == ["worker"]
    assert list(stack["secrets"]) == ["vault_identity"]


def test_only_workers_see_unsealed_rows_and_artefacts_under_review(stack):
    for volume in ("scratch", "artefacts"):
        assert [name for name, service in stack["services"].items() if volume in mounts(service)] == ["worker"]


def test_web_can_read_the_checkpoints_of_the_trail_and_not_write_them(stack):
    assert mounts(stack["services"]["web"])["checkpoints"].endswith(":ro")


def test_our_containers_are_read_only_and_have_no_rights(stack):
    for name in OURS:
        service = stack["services"][name]
        assert service["read_only"] is True and service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_nothing_but_web_listens_and_only_on_the_loopback(stack):
    ports = {name: service["ports"] for name, service in stack["services"].items() if "ports" in service}
    assert list(ports) == ["web"]
    assert all(port.startswith("127.0.0.1:") for port in ports["web"])
    assert stack["networks"]["inside"]["internal"] is True


def test_every_long_running_service_has_a_health_check(stack):
    running = set(stack["services"]) - {"migrate", "minio"}
    assert sorted(name for name in running if "healthcheck" not in stack["services"][name]) == []


@pytest.mark.parametrize("secret", SECRETS)
def test_no_secret_has_a_default(secret):
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    used = re.findall(r"\$\{" + secret + r"([^}]*)\}", compose)
    assert used and all(rest.startswith(":?") for rest in used)
    assert re.search(rf"^{secret}=$", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)


def test_no_password_is_written_down(stack):
    for name, service in stack["services"].items():
        for variable, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|KEY|RECIPIENT|URL", variable) and value is not None:
                assert "${" in value, f"{name}: {variable}"


def test_what_the_stack_sets_is_what_the_settings_know(stack):
    page = text("reference/settings.md")
    own = {"WEB_CONCURRENCY"}
    for name in OURS:
        assert sorted(v for v in stack["services"][name]["environment"] if f"`{v}`" not in page and v not in own) == []


def test_an_image_holds_no_secret_no_data_and_no_history():
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert {".git", ".venv", "var", "*.env"} <= set(ignored)
    image = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "USER 10001" in image and "OPENDATA_MODE=production" in image
    assert image.index("OPENDATA_MODE=production") > image.index("collectstatic")
    assert not re.search(r"(SECRET_KEY|PASSWORD|VAULT_IDENTITY)", image)


# --- what production refuses ------------------------------------------------------------------------------------------


def environment(**changes: str | None) -> dict[str, str]:
    """A complete production environment, with changes; None takes a variable away."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "PYTHONPATH")}
    whole: dict[str, str | None] = {
        "DJANGO_SETTINGS_MODULE": "opendata.settings",
        "OPENDATA_MODE": "production",
        "DATABASE_URL": "postgres://somebody@127.0.0.1:1/nothing",
        "BROKER_URL": "redis://127.0.0.1:1/0",
        "CACHE_URL": "redis://127.0.0.1:1/1",
        "SECRET_KEY": "622eb06f21ad7a3b33f1867487143b8e7fe103ef2ea76f720ee2d815ea4a00b2",
        "TRAIL_CHECKPOINT_KEY": "b1b1d4dfd72b913210c00a578778924180970fb4982d834b5108192bf8242f09",
        "VAULT_RECIPIENT": str(pyrage.x25519.Identity.generate().to_public()),
        "ALLOWED_HOSTS": "data.example.org",
        "SITE_URL": "https://data.example.org",
        **changes,
    }
    return kept | {name: value for name, value in whole.items() if value is not None}


WHOLE = "import opendata.wsgi"
CHECKS = "import opendata.checks; opendata.checks.stop_if_unsafe()"  # what web servers and workers run first, alone


def boot(program: str = CHECKS, **changes: str | None) -> tuple[int, str]:
    """Start as a server does; exit status and the last line said. Needs no server."""
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(**changes), cwd=ROOT, text=True,
        capture_output=True, check=False, timeout=600,
    )  # fmt: skip
    return done.returncode, (done.stderr.strip().splitlines() or [""])[-1]


def test_a_complete_environment_boots(tmp_path):
    status, said = boot(WHOLE, DATA_DIR=str(tmp_path))
    assert status == 0, said


def test_an_incomplete_one_stops_the_web_server(tmp_path):
    status, said = boot(WHOLE, DATA_DIR=str(tmp_path), ALLOWED_HOSTS="*")
    assert status != 0 and "allows every host" in said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"DATABASE_URL": None}, "DATABASE_URL must be set"),
        ({"BROKER_URL": None}, "BROKER_URL must be set"),
        ({"SECRET_KEY": None}, "SECRET_KEY must be set"),
        ({"TRAIL_CHECKPOINT_KEY": None}, "TRAIL_CHECKPOINT_KEY must be set"),
        ({"VAULT_RECIPIENT": None}, "VAULT_RECIPIENT must be set"),
        ({"ALLOWED_HOSTS": None}, "ALLOWED_HOSTS is empty"),
        ({"ALLOWED_HOSTS": "*"}, "allows every host"),
        ({"SECRET_KEY": "short-of-32-signs"}, "SECRET_KEY is missing or short"),
        ({"VAULT_RECIPIENT": "nobody"}, "not an age recipient"),
        ({"LEASE_SECONDS": "5", "SWEEP_SECONDS": "60"}, "do not fit each other"),
        ({"OPENDATA_MODE": "producton"}, "OPENDATA_MODE must be embedded or production"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "says why",
)
def test_production_does_not_start_without(changes, said, tmp_path):
    status, last_line = boot(DATA_DIR=str(tmp_path), **changes)
    assert status != 0 and said in last_line


def test_a_key_file_of_the_embedded_set_up_is_no_way_around_a_missing_variable(tmp_path):
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "secret_key").write_text("622eb06f21ad7a3b33f1867487143b8e7fe103ef2ea76f720ee2d815ea4a00b2")
    status, last_line = boot(DATA_DIR=str(tmp_path), SECRET_KEY=None)
    assert status != 0 and "SECRET_KEY must be set" in last_line


def test_the_production_page_explains_every_variable_of_the_example():
    names = re.findall(r"^#? ?([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)
    pages = text("howto/production.md") + (DOCS / "reference/settings.md").read_text(encoding="utf-8")
    assert [name for name in names if f"`{name}`" not in pages] == []
