"""The OpenAPI document is the truth: whatever is sent, no 5xx, and no answer that it does not describe.

Schemathesis makes requests from the document, right ones and wrong ones, and checks the answers. It runs in this
process over the WSGI app; the choice of examples is fixed.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import hypothesis
import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, Failure, load_all_checks

from catalog.datasets.services import set_hierarchy_file
from catalog.people.models import User
from catalog.publishing.docs import document
from opendata.wsgi import application
from tests import factories
from tests.api.client import Api

EXAMPLES = int(os.environ.get("SCHEMA_EXAMPLES", "3"))  # more by hand
# Needs a resource model of its own; both are tested by hand in test_story.py and test_stopping.py.
NOT_HERE = {"use_after_free", "ensure_resource_availability"}
# A text that the schema can only call a text may still be no question: `where` has a grammar, a recipe has a meaning.
MEANINGFUL = {"positive_data_acceptance"}


@pytest.fixture
def api_schema() -> Iterator[Any]:
    """The document with the app behind it. As Django's own test client does, requests leave the test's connection open."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    load_all_checks()
    loaded = schemathesis.openapi.from_dict(json.loads(document()[0]))
    loaded.app = application
    yield loaded
    for signal in signals:
        signal.connect(close_old_connections)


def checks() -> list[Any]:
    return [check for check in CHECKS.get_all() if check.__name__ not in NOT_HERE | MEANINGFUL]


def city() -> dict[str, Any]:
    """Something of everything, by the names that paths give it."""
    published = factories.publication("survey")
    factories.publication("counted", recipe=factories.DP_TABLE)
    version = factories.version(published.dataset)
    waiting = factories.review(factories.run(version))
    content = b"11110;*\n11140;*\n"
    ladder = set_hierarchy_file(by=published.dataset.steward, dataset=published.dataset, name="place.csv", content=content)
    return {
        "slug": "survey", "number": published.number, "version_id": version.pk, "run_id": waiting.run_id, "review_id": waiting.pk,
        "release_id": published.pk, "comparison_id": factories.comparison(version).pk, "estimate_id": factories.estimate(version).pk, "name": ladder.name, "file_format": "csv", "key_id": 1, "session_id": 1,
        "person_id": published.dataset.steward_id, "role": "auditor", "organisation": published.dataset.organisation.slug,
    }  # fmt: skip


def headers_of(*roles: str) -> dict[str, dict[str, str]]:
    return {role: {} if role == "anonymous" else Api(User.objects.get(username=role)).headers for role in roles}


def test_no_answer_is_outside_the_schema(db, settings, api_schema):
    """Each operation on things that are there, asked rightly and wrongly, by everybody the same."""
    limits = {"anonymous": "1000000/min", "user": "1000000/min"}
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": limits}
    there = city()
    roles, found = headers_of("anonymous", "steward", "officer"), []
    for result in api_schema.get_all_operations():
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            found += faults(result.ok(), mode, there, roles)
    assert not found, "\n\n".join(found)


def test_paths_that_lead_nowhere_are_answered_within_the_schema(db, api_schema):
    city()
    roles, found = headers_of("steward"), []
    for result in api_schema.get_all_operations():
        if "{" in result.ok().path:
            found += faults(result.ok(), GenerationMode.POSITIVE, None, roles)
    assert not found, "\n\n".join(found)


def faults(operation: Any, mode: GenerationMode, there: dict[str, Any] | None, roles: dict[str, dict[str, str]]) -> list[str]:
    """What each of ``roles`` (with its headers) is answered to the same requests: to make them up takes longer than to ask."""
    path = None if there is None else {name: there[name] for name in re.findall(r"{(\w+)}", operation.path)}
    asking = ""

    @hypothesis.settings(
        max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )  # fmt: skip
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode, path_parameters=path))
    def ask(case: Any) -> None:
        nonlocal asking
        for role, headers in roles.items():
            asking = role
            with undone():
                case.call_and_validate(headers=headers, checks=checks())

    try:
        ask()
    except Unsatisfiable:
        return []  # nothing about this operation can be wrong
    except (Failure, BaseExceptionGroup) as failure:
        return [f"{operation.label}, {asking}: {failure}"]
    return []


@contextmanager
def undone() -> Iterator[None]:
    """What is changed within is there again for the next."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
