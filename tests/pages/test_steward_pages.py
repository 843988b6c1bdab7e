"""What a steward does on the pages, from an empty form to a submission."""

from __future__ import annotations

import json

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile

from catalog.datasets.models import Dataset, Version
from catalog.releases.models import Run
from catalog.review.models import Review
from tests import factories
from tests.intruder import unguarded
from tests.pages.html import Page

PLAIN = {"title": "Night buses", "language": "en", "source": "government", "licence": "CC-BY-4.0", "update_frequency": "once"}
MARK = "Kim-Marked-Value"


def parsed(response, status=200):
    assert response.status_code == status
    page = Page(response.content.decode())
    assert page.faults == []
    return page


@pytest.fixture
def steward(people, signed_in):
    return signed_in(people.steward)


@pytest.fixture
def dataset(people):
    return factories.dataset(people.steward, "night-buses")


def csv(text=f"person,line\n1,{MARK}\n"):
    return SimpleUploadedFile("buses.csv", text.encode(), content_type="text/csv")


def sealed_files():
    """Every sealed upload in the vault of this test process."""
    return {path for path in settings.INCOMING_DIR.parent.rglob("*") if path.is_file() and "uploads" in str(path)}


def test_a_new_dataset_gets_its_address_from_its_title(steward):
    parsed(steward.get("/steward/datasets/new"))
    response = steward.post("/steward/datasets/new", PLAIN)
    assert response["Location"] == "/steward/datasets/night-buses"
    assert "Upload a file" in parsed(steward.get("/steward/datasets/night-buses")).text


def test_a_purchase_without_its_contract_keeps_what_was_written(steward):
    page = parsed(steward.post("/steward/datasets/new", {**PLAIN, "source": "purchased", "description": "By line and hour."}), 422)
    assert "Purchased data need their contract." in page.text
    assert "By line and hour." in page.text
    assert not Dataset.objects.exists()


def test_a_title_that_makes_no_address_asks_for_one(steward):
    assert "write one" in parsed(steward.post("/steward/datasets/new", {**PLAIN, "title": "심야버스"}), 422).text


def test_a_taken_address_is_said_on_the_form(steward, dataset):
    assert "exists already" in parsed(steward.post("/steward/datasets/new", {**PLAIN, "slug": "night-buses"}), 409).text


def test_a_description_is_changed_and_the_address_stays(steward, dataset):
    parsed(steward.get("/steward/datasets/night-buses/description"))
    steward.post("/steward/datasets/night-buses/description", {**PLAIN, "title": "Night buses by line", "slug": "other", "themes": "mobility, night"})
    dataset.refresh_from_db()
    assert (dataset.slug, dataset.title, dataset.themes) == ("night-buses", "Night buses by line", ["mobility", "night"])


def test_an_upload_is_sealed_and_rings_for_a_worker(steward, dataset, django_capture_on_commit_callbacks, rung):
    with django_capture_on_commit_callbacks(execute=True):
        response = steward.post("/steward/datasets/night-buses/upload", {"file": csv()})
    version = Version.objects.get()
    assert any(path.name in version.sealed_name or version.sealed_name in str(path) for path in sealed_files())
    assert response["Location"] == "/steward/datasets/night-buses"
    assert ("datasets.check_version", version.pk) in rung
    page = parsed(steward.get("/steward/datasets/night-buses"))
    assert "A worker is checking the file" in page.text
    assert MARK not in page.text


def test_an_upload_without_our_token_is_refused_and_nothing_stays_in_the_vault(people, signed_in, dataset):
    client = signed_in(people.steward, enforce_csrf_checks=True)
    before = sealed_files()
    response = client.post("/steward/datasets/night-buses/upload", {"file": csv()})
    assert response.status_code == 403
    assert not Version.objects.exists()
    assert sealed_files() == before


def test_an_upload_with_our_token_is_taken(people, signed_in, dataset):
    client = signed_in(people.steward, enforce_csrf_checks=True)
    client.get("/steward/datasets/night-buses")
    token = client.cookies["csrftoken"].value
    client.post("/steward/datasets/night-buses/upload", {"csrfmiddlewaretoken": token, "file": csv()})
    assert Version.objects.count() == 1


def test_a_steward_of_another_organisation_is_refused_before_the_body_is_read(people, signed_in, dataset, monkeypatch):
    def never(*args, **kwargs):
        raise AssertionError("the body was read")

    monkeypatch.setattr("catalog.datasets.vault.seal", never)
    response = signed_in(people.stranger).post("/steward/datasets/night-buses/upload", {"file": csv()})
    assert "You may not do this" in parsed(response, 403).text


def test_an_upload_that_is_too_large_leaves_nothing_behind(steward, dataset, settings):
    settings.MAX_UPLOAD_BYTES = 1000
    before = sealed_files()
    response = steward.post("/steward/datasets/night-buses/upload", {"file": csv("a,b\n" + "1,2\n" * 1000)})
    assert "too large" in parsed(response, 413).text
    assert sealed_files() == before


@pytest.mark.parametrize("body", [{}, {"file": SimpleUploadedFile("empty.csv", b"")}, {"other": csv()}])
def test_no_file_or_an_empty_one_is_said_and_leaves_nothing_behind(steward, dataset, body):
    before = sealed_files()
    parsed(steward.post("/steward/datasets/night-buses/upload", body), 422)
    assert not Version.objects.exists()
    assert sealed_files() == before


def test_what_is_wrong_with_a_file_is_shown_by_line_column_and_shape_only(steward, dataset):
    version = factories.version(dataset)
    problem = {"code": "bad_number", "message": "this is no whole number", "line": 17, "column": "age", "shape": "A9"}
    error = {"code": "invalid_input", "message": "1 row does not fit", "who": "you", "problems": [problem]}
    Version.objects.filter(pk=version.pk).update(state="rejected", error=error)
    text = parsed(steward.get("/steward/datasets/night-buses")).text
    assert all(word in text for word in ("17", "age", "A9", "this is no whole number"))


def test_a_header_that_looked_like_data_is_offered_to_be_sent_again_without_one(steward, dataset):
    version = factories.version(dataset)
    error = {"code": "header_looks_like_values", "message": "column 2 of the header is a number", "who": "you", "problems": []}
    Version.objects.filter(pk=version.pk).update(state="rejected", error=error)
    page = parsed(steward.get("/steward/datasets/night-buses"))
    assert "Upload it again" in page.text
    assert 'value="absent" id="id_header_2" checked' in page_source(steward)
    Version.objects.filter(pk=version.pk).update(state="ready", error=None)
    assert "Upload it again" not in parsed(steward.get("/steward/datasets/night-buses")).text
    assert 'value="auto" id="id_header_0" checked' in page_source(steward)


def page_source(client):
    return client.get("/steward/datasets/night-buses").content.decode()


def test_the_steward_says_that_there_is_no_header_and_names_the_columns(steward, dataset):
    said = {"header": "absent", "names": 'person, "line, and stop"\nhour'}
    assert steward.post("/steward/datasets/night-buses/upload", {"file": csv("1,2,3\n"), **said}).status_code == 302
    assert Version.objects.get().names == ["person", "line, and stop", "hour"]


@pytest.mark.parametrize("said", [{"header": "absent"}, {"header": "perhaps"}, {"names": "a"}, {"header": "absent", "names": 'a,"b'}, {"header": "absent", "names": "010-1234-5678"}])
def test_what_cannot_be_said_of_the_first_line_leaves_nothing_behind(steward, dataset, said):
    before = sealed_files()
    page = parsed(steward.post("/steward/datasets/night-buses/upload", {"file": csv(), **said}), 422)
    assert "010-1234" not in page.text
    assert not Version.objects.exists()
    assert sealed_files() == before


def test_the_words_of_a_rejected_version_can_be_removed(steward, dataset):
    version = factories.version(dataset)
    Version.objects.filter(pk=version.pk).update(state="rejected", error={"code": "invalid_input", "message": MARK, "who": "you", "problems": []})
    assert "Remove the words of the record" in parsed(steward.get("/steward/datasets/night-buses")).text
    steward.post(f"/steward/datasets/night-buses/versions/{version.number}/destruction", {"reason": "a mistake"})
    assert MARK not in parsed(steward.get("/steward/datasets/night-buses")).text


def test_all_suggestions_are_accepted_with_one_button(steward, dataset):
    version = factories.version(dataset, roles=False)
    assert "Say what the columns are" in parsed(steward.get("/steward/datasets/night-buses")).text
    steward.post("/steward/datasets/night-buses/columns", {"accept": "1"})
    assert {c.name: c.role for c in version.columns.all()} == {c.name: c.suggested_role for c in version.columns.all()}
    assert "Choose a recipe" in parsed(steward.get("/steward/datasets/night-buses")).text


def test_a_role_and_a_ladder_are_chosen_by_hand(steward, dataset):
    version = factories.version(dataset, roles=False)
    age = version.columns.get(name="age")
    ladder = json.dumps({"intervals": ["10", "20", "40"]}, sort_keys=True)
    steward.post("/steward/datasets/night-buses/columns", {f"c{age.pk}-role": "quasi_identifier", f"c{age.pk}-hierarchy": ladder, f"c{age.pk}-title": "Age in years"})
    age.refresh_from_db()
    assert (age.role, age.hierarchy["intervals"], age.title) == ("quasi_identifier", ["10", "20", "40"], "Age in years")
    assert "Age in years" in steward.get("/steward/datasets/night-buses").content.decode()


def test_a_role_that_is_none_changes_nothing(steward, dataset):
    version = factories.version(dataset, roles=False)
    age = version.columns.get(name="age")
    parsed(steward.post("/steward/datasets/night-buses/columns", {f"c{age.pk}-role": "secret"}), 422)
    age.refresh_from_db()
    assert age.role == ""


def test_a_ladder_file_is_kept_and_offered(steward, dataset):
    factories.version(dataset)
    file = SimpleUploadedFile("districts.csv", b"11110;11;*\n11140;11;*\n", content_type="text/csv")
    steward.post("/steward/datasets/night-buses/hierarchies", {"file": file})
    assert "file districts.csv" in parsed(steward.get("/steward/datasets/night-buses")).text


def test_a_layer_of_places_is_kept_and_its_ladder_chosen(steward, dataset):
    version = factories.version(dataset, roles=False)
    features = [{"type": "Feature", "properties": {"dong": d, "gu": d[:2]}, "geometry": None} for d in ("111", "112", "121")]
    content = json.dumps({"type": "FeatureCollection", "features": features}).encode()
    steward.post("/steward/datasets/night-buses/hierarchies", {"file": SimpleUploadedFile("areas.geojson", content)})
    assert "file areas.geojson: dong → gu" in parsed(steward.get("/steward/datasets/night-buses")).text
    column, ladder = version.columns.first(), {"places": {"file": "areas.geojson", "code": "dong", "parents": ["gu"]}}
    chosen = {f"c{column.pk}-role": "quasi_identifier", f"c{column.pk}-hierarchy": json.dumps(ladder, sort_keys=True), f"c{column.pk}-title": ""}
    steward.post("/steward/datasets/night-buses/columns", chosen)
    column.refresh_from_db()
    assert column.hierarchy == ladder


def test_a_recipe_with_faults_comes_back_as_it_was_written_with_what_is_wrong(steward, dataset):
    factories.version(dataset)
    text = '{"recipe": 1, "title": "mine", "columns": {}, "stages": []}'
    page = parsed(steward.post("/steward/datasets/night-buses/recipe", {"recipe": text}), 422)
    assert text in page.text
    assert "/stages" in page.text
    assert not Run.objects.exists()


def test_an_offer_is_opened_run_watched_and_cancelled(steward, dataset):
    factories.version(dataset)
    page = parsed(steward.get("/steward/datasets/night-buses/recipe?offer=k-anonymous"))
    assert '"k_anonymity"' in page.text
    response = steward.post("/steward/datasets/night-buses/recipe", {"recipe": json.dumps(factories.K_ANONYMOUS)})
    run = Run.objects.get()
    assert response["Location"] == f"/runs/{run.pk}"
    assert "waiting for a worker" in parsed(steward.get(f"/runs/{run.pk}")).text
    assert steward.get(f"/runs/{run.pk}/progress").status_code == 200
    steward.post(f"/runs/{run.pk}/cancellation")
    done = steward.get(f"/runs/{run.pk}/progress")
    assert (done.status_code, done["HX-Refresh"]) == (286, "true")


def test_a_run_with_its_report_is_submitted_and_can_be_taken_back(steward, dataset):
    run = factories.run(factories.version(dataset))
    assert "Submit for review" in parsed(steward.get(f"/runs/{run.pk}")).text
    response = steward.post(f"/runs/{run.pk}/submission", {"context": "For the planners."})
    review = Review.objects.get()
    assert response["Location"] == f"/reviews/{review.pk}"
    page = parsed(steward.get(f"/reviews/{review.pk}"))
    assert "You cannot decide on this" in page.text
    assert "It waits for a privacy officer" in parsed(steward.get("/steward/datasets/night-buses")).text
    steward.post(f"/reviews/{review.pk}/withdrawal")
    review.refresh_from_db()
    assert review.state == "withdrawn"


def test_a_failed_run_says_why_and_who_must_act(steward, dataset):
    run = factories.run(factories.version(dataset))
    error = {"code": "privacy_not_met", "message": "k = 50 asks for more persons than the table holds", "who": "you", "problems": []}
    with unguarded("releases_run"):
        Run.objects.filter(pk=run.pk).update(state="failed", error=error, report=None, artefact_sha256="", artefact_name="")
    text = parsed(steward.get(f"/runs/{run.pk}")).text
    assert "k = 50" in text
    assert "Nothing was kept and nothing was spent." in text


def test_raw_data_are_destroyed_with_a_reason_only(steward, dataset):
    factories.version(dataset)
    parsed(steward.post("/steward/datasets/night-buses/versions/1/destruction", {"reason": " "}), 422)
    steward.post("/steward/datasets/night-buses/versions/1/destruction", {"reason": "The contract ended."})
    assert Version.objects.get().state == "destroyed"


def test_the_list_says_what_waits_for_the_steward(steward, people, dataset):
    page = parsed(steward.get("/steward"))
    assert "1 waits for you." in page.text
    assert "/steward/datasets/night-buses" in page.links


@pytest.mark.parametrize("address", ["/steward", "/steward/datasets/new", "/steward/datasets/night-buses", "/steward/datasets/night-buses/recipe"])
def test_the_stewards_pages_are_for_stewards(client, people, signed_in, dataset, address):
    assert client.get(address)["Location"].startswith("/login")
    assert signed_in(people.developer).get(address).status_code == 403


def test_officers_may_look_inside_and_change_nothing(people, signed_in, dataset):
    factories.version(dataset, roles=False)
    officer = signed_in(people.officer)
    page = parsed(officer.get("/steward/datasets/night-buses"))
    assert "Set the roles" not in page.text
    parsed(officer.post("/steward/datasets/night-buses/columns", {"accept": "1"}), 403)


def test_a_review_that_waits_is_not_hidden_by_a_later_run_that_failed(steward, dataset):
    version = factories.version(dataset)
    factories.review(factories.run(version))
    later = factories.run(version)
    error = {"code": "privacy_not_met", "message": "not met", "who": "you", "problems": []}
    with unguarded("releases_run"):
        Run.objects.filter(pk=later.pk).update(state="failed", error=error, report=None, artefact_sha256="", artefact_name="")
    assert "It waits for a privacy officer" in parsed(steward.get("/steward/datasets/night-buses")).text
