"""A file without a header, on the platform: its first person is nowhere in the database, and the steward can say how it is."""

from __future__ import annotations

import io
import json

import pytest
from django.apps import apps
from django.core import serializers
from django.db import IntegrityError, transaction

from anonymize.errors import HeaderLooksLikeValues
from anonymize.tables.header import Heading
from catalog.datasets import intake, services, vault
from catalog.datasets.models import Version
from tests.platform import makers

pytestmark = pytest.mark.django_db
PERSON = ("홍길순", "900101-1234567", "4111-1111-1111-1111")
HEADLESS = "\n".join([",".join((*PERSON, "34")), "김영희,880202-2234568,5500-0000-0000-0004,29", "이철수,770303-1234569,3400-0000-0000-009,51"]) + "\n"


@pytest.fixture
def steward():
    return makers.steward()


def received(steward, body: str, **said) -> Version:
    dataset = makers.dataset(steward)
    sealed = vault.seal(io.BytesIO(body.encode()), prefix="uploads")
    version = services.receive_version(by=steward, dataset=dataset, file_name="p.csv", sealed=sealed, **said)
    intake.check_version(version.pk)
    version.refresh_from_db()
    return version


def everything_in_the_database() -> str:
    rows = [row for model in apps.get_models() for row in model._default_manager.all()]
    return json.dumps(json.loads(serializers.serialize("json", rows)), ensure_ascii=False)


def test_a_file_without_a_header_is_rejected_and_nobody_of_it_is_in_the_database(steward, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        version = received(steward, HEADLESS)
    assert (version.state, version.error["code"]) == ("rejected", "header_looks_like_values")
    assert version.error["problems"][0]["shape"] == "9{6}-9{7}"
    assert not version.columns.exists()
    kept = everything_in_the_database()
    assert [value for value in PERSON if value in kept] == []
    assert not vault.store("vault").exists(version.sealed_name)


def test_the_same_file_is_taken_in_when_the_steward_names_its_columns(steward):
    version = received(steward, HEADLESS, heading=Heading("absent", ("name", "rrn", "card", "age")), declared_types={"age": "text"})
    assert (version.state, version.rows, version.header) == ("ready", 3, "absent")
    assert list(version.columns.values_list("name", "type")) == [("name", "text"), ("rrn", "text"), ("card", "text"), ("age", "text")]


def test_names_that_are_numbers_are_taken_when_the_steward_says_that_they_are_names(steward):
    body = "town,1987\nnorth,3\nsouth,4\n"
    assert received(steward, body).state == "rejected"
    assert received(steward, body, heading=Heading("present")).state == "ready"


def test_what_was_declared_of_a_rejected_file_goes_with_it(steward):
    version = received(steward, "a,b\n1,2\n", heading=Heading("absent", ("x",)), declared_types={"x": "text"})
    assert (version.state, version.names, version.declared_types) == ("rejected", [], {})


@pytest.mark.parametrize("said", [{"heading": Heading("absent", ("a", "010-1234-5678"))}, {"declared_types": {"hong@example.com": "text"}}])
def test_somebodys_number_or_address_is_no_name_of_a_column_and_is_not_even_received(steward, said):
    with pytest.raises(HeaderLooksLikeValues):
        received(steward, HEADLESS, **said)
    assert not Version.objects.exists()


def test_the_database_knows_three_things_that_can_be_said_of_a_header(steward):
    version = received(steward, "a,b\nx,y\n")
    with pytest.raises(IntegrityError), transaction.atomic():
        Version.objects.filter(pk=version.pk).update(header="perhaps")
