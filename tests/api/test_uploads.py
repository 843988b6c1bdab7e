"""An upload is wholly in or not in at all, and nobody's body is read before it is known that they may send one."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, FakePayload

from catalog.api import idempotency
from catalog.datasets import vault
from catalog.datasets.models import Version
from tests import factories
from tests.api.client import Api

BODY = b"person,age\nP1,30\nP2,31\n"
VERSIONS = "datasets/survey/versions"


@pytest.fixture
def steward(db, settings, tmp_path):
    settings.STORAGES = {
        **settings.STORAGES,
        "vault": {"BACKEND": "catalog.core.stores.WholeFiles", "OPTIONS": {"location": str(tmp_path / "vault")}},
    }
    settings.INCOMING_DIR = tmp_path / "incoming"
    made = factories.steward()
    factories.dataset(made, "survey")
    return Api(made)


@pytest.fixture
def kept(tmp_path):
    """The names of all files that an upload left anywhere."""
    return lambda: [path for folder in ("vault", "incoming") for path in Path(tmp_path / folder).rglob("*") if path.is_file()]


def raw(api, body, kind="text/csv", query="", **environ):
    """A POST as a server hands it over; ``environ`` replaces parts of what it says."""
    environ = {"CONTENT_TYPE": kind, **environ}
    return api.client.generic("POST", f"/api/v1/{VERSIONS}{query}", body, kind, headers=api.headers, **environ)


def unannounced(body):
    """A chunked body: no length in the headers, and a server that marks its end."""
    return {"CONTENT_LENGTH": "", "wsgi.input_terminated": True, "wsgi.input": io.BytesIO(body)}


def unsealed(version_id):
    sink = io.BytesIO()
    vault.unseal(Version.objects.get(pk=version_id).sealed_name, sink)
    return sink.getvalue()


def test_a_form_and_a_raw_body_seal_the_same_bytes(steward, kept):
    answers = [steward.upload(VERSIONS, "a.csv", BODY), raw(steward, BODY, query="?file_name=a.csv")]
    for answer in answers:
        assert answer.status_code == 202
        assert answer["Location"] == f"/api/v1/{VERSIONS}/{answer.json()['id']}"
        assert unsealed(answer.json()["id"]) == BODY
    assert [answer.json()["number"] for answer in answers] == [1, 2]
    assert all(BODY not in path.read_bytes() for path in kept())
    assert len(kept()) == 2


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("text/csv", "upload.csv"), ("application/vnd.apache.parquet", "upload.parquet"), ("application/octet-stream", "upload"),
        ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "upload.xlsx"), ("text/csv; charset=cp949", "upload.csv"),
    ],
)  # fmt: skip
def test_a_raw_body_without_a_name_is_named_after_its_type(steward, kind, name):
    assert raw(steward, BODY, kind).json()["file_name"] == name


def test_a_file_name_with_path_parts_loses_them(steward):
    assert raw(steward, BODY, query="?file_name=../../etc/passwd.csv").json()["file_name"] == "passwd.csv"
    assert steward.upload(VERSIONS, "..\\..\\windows\\a.csv", BODY).json()["file_name"] == "a.csv"


def test_declared_types_are_kept_for_the_worker(steward):
    made = steward.upload(VERSIONS, "a.csv", BODY, {"types": '{"age": "text"}'}).json()
    assert Version.objects.get(pk=made["id"]).declared_types == {"age": "text"}


@pytest.mark.parametrize("types", ["[]", "{", '{"age": "colour"}', '{"age": 5}', '{"a\\u0000": "text"}', '{"age": ["text"]}'])
def test_types_that_are_none_are_refused_and_nothing_is_kept(steward, kept, types):
    assert steward.upload(VERSIONS, "a.csv", BODY, {"types": types}).status_code == 422
    assert kept() == []


NAMED = {"header": "absent", "names": '["person", "age, in years"]'}


def test_a_form_says_that_there_is_no_header_and_how_the_columns_are_called(steward):
    made = steward.upload(VERSIONS, "a.csv", b"P1,30\n", NAMED).json()
    version = Version.objects.get(pk=made["id"])
    assert (made["header"], version.header, version.names) == ("absent", "absent", ["person", "age, in years"])


def test_a_raw_body_says_it_in_its_address(steward):
    made = raw(steward, b"P1,30\n", query="?" + urlencode(NAMED)).json()
    assert Version.objects.get(pk=made["id"]).names == ["person", "age, in years"]
    assert raw(steward, b"town,2019\nx,1\n", query="?header=present").json()["header"] == "present"


@pytest.mark.parametrize(
    "said",
    [
        {"header": "perhaps"}, {"header": "absent"}, {"names": '["a"]'}, {"header": "present", "names": '["a"]'}, {"header": "absent", "names": "a,b"},
        {"header": "absent", "names": "{}"}, {"header": "absent", "names": "[1]"}, {"header": "absent", "names": '["a\\u0000"]'}, {"header": "absent", "names": "[]"},
        {"header": "absent", "names": '["010-1234-5678"]'},
    ],
)  # fmt: skip
def test_what_cannot_be_said_of_a_header_is_refused_and_nothing_is_kept(steward, kept, said):
    answers = [steward.upload(VERSIONS, "a.csv", BODY, said), raw(steward, BODY, query="?" + urlencode(said))]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert all("010-1234" not in answer.content.decode() for answer in answers)
    assert raw(steward, BODY, query="?header=auto&header=auto").status_code == 400
    assert kept() == []


def test_one_key_with_another_header_is_another_request(steward):
    once = {idempotency.HEADER: "upload-2"}
    assert steward.upload(VERSIONS, "a.csv", BODY, {"header": "present"}, **once).status_code == 202
    assert steward.upload(VERSIONS, "a.csv", BODY, NAMED, **once).status_code == 422


def test_an_empty_file_is_refused_and_nothing_is_kept(steward, kept):
    assert raw(steward, b"").status_code == 422
    assert steward.upload(VERSIONS, "a.csv", b"").status_code == 422
    assert kept() == []
    assert not Version.objects.exists()


def test_a_form_needs_exactly_one_file_part_named_file(steward, kept):
    def send(**parts):
        return steward.client.post(f"/api/v1/{VERSIONS}", parts, headers=steward.headers)

    def file(name="a.csv"):
        return SimpleUploadedFile(name, BODY)

    for parts in ({}, {"types": "{}"}, {"data": file()}, {"file": [file(), file("b.csv")]}, {"file": file(), "more": "1"}, {"file": "text"}):
        answer = send(**parts)
        assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")
    assert kept() == []
    assert not Version.objects.exists()


def test_a_file_that_is_too_large_is_refused_before_and_while_it_arrives(steward, settings, kept):
    settings.MAX_UPLOAD_BYTES = 1000
    assert raw(steward, b"x" * 1001).status_code == 413
    assert steward.upload(VERSIONS, "a.csv", b"x" * 300_000).status_code == 413
    assert raw(steward, b"x", **unannounced(b"x" * 5000)).status_code == 413
    assert kept() == []


def test_two_files_the_second_too_large_leave_nothing(steward, settings, kept):
    settings.MAX_UPLOAD_BYTES = 1000
    files = {"file": [SimpleUploadedFile("a.csv", BODY), SimpleUploadedFile("b.csv", b"x" * 600_000)]}
    assert steward.client.post(f"/api/v1/{VERSIONS}", files, headers=steward.headers).status_code == 413
    assert kept() == []


def test_a_body_without_an_announced_length_is_read_to_its_end(steward):
    made = raw(steward, b"x", **unannounced(BODY))
    assert made.status_code == 202
    assert unsealed(made.json()["id"]) == BODY


class CutOff(FakePayload):
    """A connection that ends before the announced length."""

    def read(self, size=None):
        return b"" if not len(self) else super().read(min(size or len(self), len(self)))


@pytest.mark.parametrize("kind", ["text/csv", MULTIPART_CONTENT])
def test_a_connection_that_ends_early_leaves_nothing(steward, kept, kind):
    form = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'.encode()
    sent = BODY if kind == "text/csv" else form + BODY
    for announced in (len(sent) + 100, len(sent) + 3_000_000):
        answer = raw(steward, b"x", kind, **{"wsgi.input": CutOff(sent), "CONTENT_LENGTH": str(announced)})
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_upload")
    assert kept() == []
    assert not Version.objects.exists()


@pytest.mark.parametrize("kind", ["text/html", "application/json", "image/png", "multipart/mixed; boundary=x", "multipart/form-data", ""])
def test_other_kinds_of_body_are_refused(steward, kept, kind):
    assert raw(steward, BODY, kind).status_code in (400, 415)
    assert kept() == []


def test_a_packed_file_is_kept_as_it_came_and_judged_by_the_worker(steward):
    packed = gzip.compress(BODY)
    assert unsealed(raw(steward, packed, "application/octet-stream").json()["id"]) == packed


class NotToBeRead(FakePayload):
    def read(self, size=None):
        raise AssertionError("the body was read before it was known who is asking")


def unread(client, headers, kind):
    environ = {"wsgi.input": NotToBeRead(b"x"), "CONTENT_LENGTH": "5000"}
    return client.generic("POST", f"/api/v1/{VERSIONS}", b"x", kind, headers=headers, **environ)


@pytest.mark.parametrize("kind", ["text/csv", MULTIPART_CONTENT])
def test_the_body_of_somebody_who_may_not_upload_is_never_read(steward, kind):
    elsewhere = factories.steward("other", of=factories.organisation("other", "Other"))
    assert unread(Client(), {}, kind).status_code == 401
    assert unread(Client(), Api(factories.officer()).headers, kind).status_code == 403
    assert unread(Client(), Api(elsewhere).headers, kind).status_code == 403
    assert unread(Client(), Api(elsewhere, "read").headers, kind).status_code == 403
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(factories.steward("third"))
    assert unread(browser, {}, kind).json()["code"] == "csrf_failed"


def test_a_browser_uploads_with_its_session_and_its_token(steward):
    browser = Client(enforce_csrf_checks=True)
    person = factories.steward("third")
    browser.force_login(person)
    token = "a" * 32
    browser.cookies["csrftoken"] = token
    answer = browser.post(f"/api/v1/{VERSIONS}", {"file": SimpleUploadedFile("a.csv", BODY)}, headers={"X-CSRFToken": token})
    assert answer.status_code == 202
    assert answer.json()["uploaded_by"] == "third"


def test_an_upload_sent_twice_with_one_key_is_one_version(steward, kept):
    once = {idempotency.HEADER: "upload-1"}
    first = steward.upload(VERSIONS, "a.csv", BODY, **once)
    again = steward.upload(VERSIONS, "a.csv", BODY, **once)
    assert (again.status_code, again.json(), again["Location"]) == (202, first.json(), first["Location"])
    assert len(kept()) == 1
    assert steward.upload(VERSIONS, "a.csv", BODY + b"P3,4\n", **once).status_code == 422
    assert len(kept()) == 1
    assert Version.objects.count() == 1


def test_raw_data_are_destroyed_with_a_reason_and_the_record_stays(steward, kept, django_capture_on_commit_callbacks):
    made = steward.upload(VERSIONS, "a.csv", BODY).json()
    address = f"/api/v1/{VERSIONS}/{made['id']}"
    assert steward.client.delete(address, headers=steward.headers).status_code == 400
    with django_capture_on_commit_callbacks(execute=True):
        gone = steward.client.delete(f"{address}?reason=Uploaded+by+mistake", headers=steward.headers)
    assert (gone.status_code, gone.json()["state"]) == (200, "destroyed")
    assert kept() == []
    assert steward.client.delete(f"{address}?reason=again", headers=steward.headers).status_code == 409
