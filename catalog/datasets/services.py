"""What changes datasets and versions. Every function takes the actor as ``by`` and leaves a trail entry."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from datetime import date
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Max

from anonymize.columns import hierarchy_files, hierarchy_places, population_files
from anonymize.errors import Problem, RecipeError
from anonymize.recipe import Column as RecipeColumn
from anonymize.recipe import Role as ColumnRole
from anonymize.tables.header import Heading, refuse_personal
from catalog.audit import services as audit
from catalog.audit.doorbell import ring_on_commit
from catalog.audit.errors import Conflict, Invalid
from catalog.audit.transitions import move
from catalog.datasets import vault
from catalog.datasets.destroying import forget_columns, wordless
from catalog.datasets.models import Column, Contract, Dataset, HierarchyFile, Source, Version
from catalog.datasets.policies import check_can_create, check_can_edit, check_can_hand_over, check_can_take_over
from catalog.datasets.states import DESTROYED, READY, VERSION
from catalog.datasets.testimony import of_columns, of_dataset, of_hierarchy, of_upload
from catalog.ledger.models import Population
from catalog.people.models import Organisation, User
from catalog.people.services import forget_answers_to

MAX_HIERARCHY_BYTES = 16 * 1024**2
MAX_LAYER_BYTES = 32 * 1024**2
LAYER = ".geojson"
CHECK_TASK = "datasets.check_version"
CONTRACT_FIELDS = ("supplier", "number", "valid_from", "valid_until", "permits_aggregates", "permits_microdata", "attribution")
DATASET_FIELDS = (
    "title", "description", "language", "themes", "source", "licence", "update_frequency", "spatial_coverage",
    "temporal_start", "temporal_end", "contact", "population",
)  # fmt: skip


def create_dataset(
    *, by: User, slug: str, organisation: Organisation, contract: Mapping[str, Any] | None = None, **fields: Any
) -> Dataset:
    """A new catalogue entry of the steward's organisation.

    Raises:
        NotAllowed: ``by`` is no steward of ``organisation``.
        Invalid: a field is wrong, or purchased data come without a contract.
        Conflict: the slug is taken.
    """
    check_can_create(by, organisation)
    _refuse_unknown(fields)
    dataset = Dataset(slug=slug, organisation=organisation, steward=by, **fields)
    with transaction.atomic():
        _save(dataset, taken="A dataset with this slug exists already.")
        _set_contract(dataset, contract)
        audit.record(by=by, action="dataset.created", subject=dataset, detail=of_dataset(dataset))
    return dataset


def update_dataset(*, by: User, dataset: Dataset, contract: Mapping[str, Any] | None = None, **fields: Any) -> Dataset:
    """Change the description of a dataset; its slug and organisation stay, and once noise was drawn about it its population."""
    check_can_edit(by, dataset)
    _refuse_unknown(fields)
    with transaction.atomic():
        dataset = Dataset.objects.select_for_update().get(pk=dataset.pk)
        _refuse_move(dataset, fields)
        for name, value in fields.items():
            setattr(dataset, name, value)
        _save(dataset, taken="A dataset with this slug exists already.")
        if contract is not None or "source" in fields:
            _set_contract(dataset, contract)
        changed = sorted([*fields, *(["contract"] if contract is not None else [])])
        audit.record(by=by, action="dataset.changed", subject=dataset, detail={"fields": changed, **of_dataset(dataset)})
    return dataset


def hand_over(*, by: User | None, dataset: Dataset, to: User) -> Dataset:
    """Make ``to`` the steward of a dataset. Who was it before keeps their hand in it: the trail names both.

    Raises:
        NotAllowed: ``by`` is no administrator. (None is the operator at the command line.)
        Invalid: ``to`` is no active steward of the dataset's organisation, or its steward already.
    """
    with transaction.atomic():
        dataset = Dataset.objects.select_for_update().get(pk=dataset.pk)
        if by is None:
            check_can_take_over(to, dataset)
        else:
            check_can_hand_over(by, dataset, to)
        hands = {"from": dataset.steward_id, "to": to.pk}
        dataset.steward = to
        dataset.save(update_fields=["steward", "changed_at"])
        audit.record(by=by, action="dataset.handed_over", subject=dataset, detail=hands)
    return dataset


def _refuse_move(dataset: Dataset, fields: Mapping[str, Any]) -> None:
    """Elsewhere nothing would be known of what its people have cost already."""
    if dataset.charged and "population" in fields and fields["population"] != dataset.population:
        message = "noise was drawn about these rows, which their population has paid for: the dataset stays with it"
        raise Invalid(f"The population cannot be changed: {message}.", problems=(Problem("population_stays", message, pointer="/population"),))


def charged_with(slugs: Collection[str], population_id: int) -> None:
    """Note, in the transaction of the charge, that a population pays for noise about datasets, with which it stays from here on.

    Raises :class:`Invalid` where one of them is about another population by now.
    """
    for dataset in Dataset.objects.select_for_update(no_key=True).filter(slug__in=slugs).order_by("pk"):
        if dataset.population_id != population_id:
            message = f"dataset {dataset.slug!r} is about another population by now, whose budget would not be charged"
            raise Invalid(f"Nothing was charged and no noise was drawn: {message}.", problems=(Problem("other_population", message, pointer="/population"),))
    Dataset.objects.filter(slug__in=slugs, charged=False).update(charged=True)


def _refuse_unknown(fields: Mapping[str, Any]) -> None:
    unknown = set(fields) - set(DATASET_FIELDS)
    if unknown:
        raise Invalid(f"Unknown field: {sorted(unknown)[0]}.")
    population = fields.get("population")
    if population is not None and not isinstance(population, Population):
        raise Invalid("population must be a population.")


def _save(thing: Dataset | Contract, *, taken: str) -> None:
    try:
        thing.full_clean(validate_unique=False, validate_constraints=True)
    except ValidationError as error:
        raise Invalid("Some fields are not valid.", problems=_problems(error)) from None
    try:
        with transaction.atomic():
            thing.save()
    except IntegrityError:
        raise Conflict(taken) from None


def _problems(error: ValidationError) -> tuple[Problem, ...]:
    by_field = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
    return tuple(
        Problem("invalid", message, pointer="" if name in ("", "__all__") else f"/{name}")
        for name, messages in by_field.items()
        for message in messages
    )


def _set_contract(dataset: Dataset, terms: Mapping[str, Any] | None) -> None:
    existing = Contract.objects.filter(dataset=dataset).first()
    if dataset.source != Source.PURCHASED:
        if terms is not None or existing is not None:
            raise Invalid("Only purchased data have a contract.", problems=(Problem("unexpected", "no contract here", pointer="/contract"),))
        return
    if terms is None and existing is None:
        raise Invalid(
            "Purchased data need their contract: supplier, number, how long it is valid and what it lets you publish.",
            problems=(Problem("required", "the contract is missing", pointer="/contract"),),
        )
    if terms is None:
        return
    contract = existing or Contract(dataset=dataset)
    for name in CONTRACT_FIELDS:
        if name in terms:
            setattr(contract, name, terms[name])
    for name in ("valid_from", "valid_until"):
        if not isinstance(getattr(contract, name), date):
            raise Invalid(f"The contract needs {name}.", problems=(Problem("required", "a date", pointer=f"/contract/{name}"),))
    _save(contract, taken="This dataset has a contract already.")


# --- hierarchies -----------------------------------------------------------------------------------------------------


def set_hierarchy_file(*, by: User, dataset: Dataset, name: str, content: bytes) -> HierarchyFile:
    """Keep a ladder of values, or a population table, under a name that recipes of this dataset can refer to; replaces one
    of that name."""
    check_can_edit(by, dataset)
    if not 0 < len(content) <= most_bytes(name):
        raise Invalid(f"A hierarchy file has between 1 and {most_bytes(name)} bytes.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid("A hierarchy file must be UTF-8 text.") from None
    if "\0" in text:
        raise Invalid("A hierarchy file must be text.")
    digest = hashlib.sha256(text.encode()).hexdigest()
    values = {"content": text, "sha256": digest, "uploaded_by": by}
    try:
        HierarchyFile(dataset=dataset, name=name, **values).full_clean(validate_unique=False, validate_constraints=False)
        ladders = _ladders(name, text)
    except ValidationError as error:
        raise Invalid("This hierarchy file cannot be kept.", problems=_problems(error)) from None
    except RecipeError as error:
        raise Invalid(error.message, problems=error.problems) from None
    with transaction.atomic():
        kept, _ = HierarchyFile.objects.update_or_create(dataset=dataset, name=name, defaults=values | {"ladders": ladders})
        audit.record(by=by, action="hierarchy.set", subject=dataset, detail=of_hierarchy(kept))
    return kept


def most_bytes(name: str) -> int:
    """How large a hierarchy file of a name may be: a layer has the shapes of its places in it."""
    return MAX_LAYER_BYTES if name.endswith(LAYER) else MAX_HIERARCHY_BYTES


def _ladders(name: str, text: str) -> list[dict[str, Any]]:
    """The hierarchies that a file offers, as recipes spell them. Raises :class:`RecipeError` for a file that is none."""
    if name.endswith(LAYER):
        offered = hierarchy_places.ladders(name, hierarchy_places.parse(name, text))
        return [{"places": places.model_dump(mode="json")} for places in offered]
    if population_files.looks_like(text):
        population_files.parse(name, text)
        return []
    hierarchy_files.parse(name, text)
    return [{"file": name}]


# --- versions --------------------------------------------------------------------------------------------------------


def display_name(file_name: str) -> str:
    """The last part of a file name, for showing only: no path, no control characters, at most 200 characters."""
    last = PurePosixPath(file_name.replace("\\", "/")).name
    return "".join(c for c in last if c.isprintable())[-200:] or "upload"


def receive_version(
    *, by: User, dataset: Dataset, file_name: str, sealed: vault.Sealed,
    declared_types: Mapping[str, str] | None = None, heading: Heading | None = None,
) -> Version:  # fmt: skip
    """Register a sealed upload as the dataset's next version and ring for a worker to check it.

    ``declared_types`` and ``heading`` are what the uploader says of the columns; no name in them may be somebody's number or
    address (:class:`HeaderLooksLikeValues`). Whatever goes wrong, the sealed file is removed again: an upload is wholly in or not in at all.
    """
    try:
        check_can_edit(by, dataset)
        if sealed.bytes == 0:
            raise Invalid("The file is empty (0 bytes). Nothing was kept.")
        said = heading or Heading()
        refuse_personal([*said.names, *(declared_types or {})])
        with transaction.atomic():
            Dataset.objects.select_for_update().get(pk=dataset.pk)  # one number each
            number = (dataset.versions.aggregate(last=Max("number"))["last"] or 0) + 1
            version = Version.objects.create(
                dataset=dataset, number=number, file_name=display_name(file_name), bytes=sealed.bytes, sha256=sealed.sha256,
                sealed_name=sealed.name, declared_types=dict(declared_types or {}), header=said.mode, names=list(said.names), uploaded_by=by,
            )  # fmt: skip
            audit.record(by=by, action="version.received", subject=version, detail=of_upload(version))
            ring_on_commit(CHECK_TASK, version)
    except BaseException:
        vault.destroy(sealed.name)
        raise
    return version


def set_columns(*, by: User, version: Version, columns: Mapping[str, Mapping[str, Any]]) -> list[Column]:
    """Set role, hierarchy, title and description of columns by name. Columns that are not named stay as they are."""
    check_can_edit(by, version.dataset)
    if version.state != READY:
        raise Conflict("The columns of a version can be set once it is ready.")
    known = {column.name: column for column in version.columns.all()}
    problems = []
    for name, settings in columns.items():
        pointer = f"/columns/{name}"
        if name not in known:
            problems.append(Problem("unknown_column", f"there is no column {name!r}", pointer=pointer))
            continue
        problems += _apply(known[name], settings, pointer)
    if problems:
        raise Invalid(problems[0].message, problems=tuple(problems))
    changed = [known[name] for name in columns]
    if sum(column.role == ColumnRole.PERSON_KEY for column in known.values()) > 1:
        raise Invalid("Only one column can be the person key.", problems=(Problem("two_person_keys", "two person keys", pointer="/columns"),))
    with transaction.atomic():
        Column.objects.bulk_update(changed, ["role", "hierarchy", "title", "description"])
        audit.record(by=by, action="columns.set", subject=version, detail={"roles": {str(c.position): c.role for c in changed}, **of_columns(known.values())})
    return changed


def _apply(column: Column, settings: Mapping[str, Any], pointer: str) -> list[Problem]:
    unknown = set(settings) - {"role", "hierarchy", "title", "description"}
    if unknown:
        return [Problem("unknown_field", f"unknown field {sorted(unknown)[0]!r}", pointer=pointer)]
    merged = {name: settings.get(name, getattr(column, name)) for name in ("role", "hierarchy", "title", "description")}
    try:
        checked = RecipeColumn.model_validate({**merged, "role": merged["role"] or column.suggested_role})
    except ValueError:
        return [Problem("invalid_column", "the role or the hierarchy of this column is not valid", pointer=pointer)]
    column.role = checked.role.value if merged["role"] else ""
    column.hierarchy = checked.hierarchy.model_dump(mode="json") if checked.hierarchy else None
    column.title, column.description = checked.title, checked.description
    return []


def destroy_version(*, by: User, version: Version, reason: str) -> None:
    """Destroy the raw data of a version in the vault, for good, and the words of its record with them.

    What the record still says: see :mod:`catalog.datasets.destroying`. What was published of it stays. A rejected version has
    no data any more; its words can be destroyed.
    """
    check_can_edit(by, version.dataset)
    if not reason.strip():
        raise Invalid("Say why the data are destroyed.")
    names = (version.sealed_name, version.typed_name)
    with transaction.atomic():
        move(VERSION, version, to=DESTROYED, by=by, action="version.destroyed", detail={"reason": reason}, changes=wordless(version))
        forget_columns(version)
        forget_answers_to(f"/api/v1/datasets/{version.dataset.slug}/versions")
        for name in names:
            transaction.on_commit(partial(vault.destroy, name))
