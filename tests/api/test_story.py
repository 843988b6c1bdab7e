"""The main job through the API alone: upload, check, roles, run, submit, decide, publish, read."""

from __future__ import annotations

import io
import logging

import pyarrow.parquet as pq
import pytest

from catalog.datasets import intake
from catalog.publishing import services as publishing
from catalog.publishing.models import Copy
from catalog.releases import work
from tests import factories
from tests.api.client import Api

MARKER = "010-7741-"  # a value of a person that must show up nowhere
ROLES = {
    "customer_id": {"role": "person_key"},
    "phone": {"role": "direct_identifier"},
    "district": {"role": "quasi_identifier", "title": "District"},
    "age": {"role": "quasi_identifier", "hierarchy": {"intervals": ["10", "20"]}},
    "answer": {"role": "sensitive"},
}


def upload(people: int = 60) -> bytes:
    rows = ["customer_id,phone,district,age,answer"]
    rows += [f"PERSON-{i:03},{MARKER}{1000 + i},{('11110', '11140')[i % 2]},{20 + i % 40},{('yes', 'no')[i % 3 == 0]}" for i in range(people)]
    return "\n".join(rows).encode()


def recipe() -> dict:
    columns = {name: settings for name, settings in ROLES.items() if name != "phone"}
    return {
        "recipe": 1, "title": "Survey", "person_key": "customer_id", "columns": columns,
        "stages": [{"stage": "k_anonymity", "k": 5, "max_suppressed": "0.05"}],
    }  # fmt: skip


@pytest.fixture
def city(db):
    return factories.organisation()


def test_the_main_job_runs_through_the_api_and_no_raw_value_leaves(city, caplog, rung):
    caplog.set_level(logging.DEBUG)
    steward, officer, developer = Api(factories.steward()), Api(factories.officer()), Api(factories.user("dev", "developer"))
    said: list[bytes] = []

    def ok(response, status):
        body = response.getvalue() if response.streaming else response.content
        said.append(body)
        assert response.status_code == status, body
        return response

    made = ok(steward.post("datasets", {"slug": "survey", "title": "Survey", "source": "government", "themes": ["people"]}), 201)
    assert made["Location"] == "/api/v1/datasets/survey"

    received = ok(steward.upload("datasets/survey/versions", "../../survey.csv", upload(), {"types": '{"district": "text"}'}), 202)
    version = received["Location"]
    assert received.json()["state"] == "received"
    assert received.json()["file_name"] == "survey.csv"
    intake.check_version(received.json()["id"])
    checked = ok(steward.get(version), 200).json()
    assert (checked["state"], checked["rows"]) == ("ready", 60)
    suggested = {c["name"]: c["suggested_role"] for c in checked["columns"]}
    assert (suggested["customer_id"], suggested["phone"]) == ("person_key", "direct_identifier")

    shown = ok(steward.patch(f"{version}/columns", {"columns": ROLES}), 200).json()
    assert {c["name"]: c["role"] for c in shown["columns"]}["phone"] == "direct_identifier"
    offers = ok(steward.get("datasets/survey/recipes"), 200).json()["offers"]
    assert {o["slug"] for o in offers if o["fits"]} == {"k-anonymous"}
    assert ok(steward.post("datasets/survey/runs:preview", {"recipe": recipe()}), 200).json()["family"] == "k_anonymity"

    asked = ok(steward.post("datasets/survey/runs", {"recipe": recipe()}), 202)
    run = asked["Location"]
    work.execute_run(asked.json()["id"])
    done = ok(steward.get(run), 200).json()
    assert (done["state"], done["percent"]) == ("assessed", 100), done["error"]
    assert done["report"]["guarantee"]["measured_k"] >= 5

    submitted = ok(steward.post(f"{run}/submission", {"context": "For the planners."}), 201)
    review = submitted["Location"]
    queue = ok(officer.get("reviews", state="waiting"), 200).json()["results"]
    assert [item["id"] for item in queue] == [submitted.json()["id"]]
    page = ok(officer.get(review), 200).json()
    assert page["may_decide"]
    assert page["sample"]
    flags = {flag["code"] for flag in page["red_flags"]}  # what attacks add to them is chance
    assert "microdata" in flags and "not_assessed" not in flags
    ok(officer.post(f"{review}/opening"), 200)
    verdict = {
        "verdict": "approve", "reason_code": "risk_acceptable", "reason": factories.REASON, "artefact_sha256": page["artefact_sha256"],
    }  # fmt: skip
    assert ok(officer.post(f"{review}/decisions", verdict), 201).json()["artefact_sha256"] == page["artefact_sha256"]

    assert Api().get("datasets/survey").status_code == 404  # approved, not copied yet
    publishing.publish(Copy.objects.get().pk)

    found = ok(Api().get("datasets", q="survey", count="true"), 200).json()
    assert (found["total"], found["results"][0]["slug"]) == (1, "survey")
    release = ok(Api().get("datasets/survey"), 200).json()["latest_release"]
    assert release["artefact_sha256"] == page["artefact_sha256"]
    assert release["decision"]["decided_by"] == "officer"
    rows = ok(developer.get("datasets/survey/records", where='district = "11110"', limit=5, count="true"), 200).json()
    assert rows["total"] == 30
    assert {row["district"] for row in rows["records"]} == {"11110"}
    whole = ok(developer.get("datasets/survey/exports/parquet"), 200)
    table = pq.read_table(io.BytesIO(said[-1]))
    assert (table.num_rows, table.column_names) == (60, ["district", "age", "answer"])
    assert int(whole["Content-Length"]) == len(said[-1])
    ok(Api().get("register"), 200)
    ok(Api().get("datasets/survey/exports/csv"), 200)

    everything = b"".join(said).decode("utf-8", "replace") + caplog.text + str(rung)
    assert MARKER not in everything
    assert "PERSON-0" not in everything


def test_a_file_with_a_bad_row_is_rejected_with_line_column_and_shape_but_no_value(city):
    steward = Api(factories.steward())
    steward.post("datasets", {"slug": "survey", "title": "Survey", "source": "government"})
    lines = [f"{i},{i}" for i in range(400)]
    lines[200] = f"200,{MARKER}1234,extra"
    received = steward.upload("datasets/survey/versions", "bad.csv", "\n".join(["id,amount", *lines]).encode()).json()
    intake.check_version(received["id"])
    shown = steward.get(f"datasets/survey/versions/{received['id']}")
    assert shown.json()["state"] == "rejected"
    assert shown.json()["error"]["problems"][0]["line"] == 202
    assert MARKER not in shown.content.decode()
