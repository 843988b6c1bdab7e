"""Runs a recipe on a table: rows prepared, one stage that protects, the artefact written, read back and reported."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import narwhals.exceptions
import pyarrow as pa
import pyarrow.parquet as pq

from anonymize import artefact, identifiers, reports
from anonymize.aggregates.accounting import Loss
from anonymize.aggregates.dimensions import with_domains
from anonymize.aggregates.stage import release_table
from anonymize.appending import appended
from anonymize.assess import assess_run
from anonymize.columns.hierarchies import Ladder, build_for_type
from anonymize.columns.keys import FreshKeys, Keys
from anonymize.columns.profile import personal_columns, profile_table
from anonymize.copies import refuse_copies
from anonymize.digest import sha256_of
from anonymize.errors import AnonymizeError, InputError, PrivacyNotMet, Problem
from anonymize.microdata.baseline import baseline
from anonymize.microdata.events import linking
from anonymize.microdata.recheck import recheck
from anonymize.microdata.recheck_carried import recheck_carried
from anonymize.microdata.recheck_models import recheck_models
from anonymize.microdata.recheck_population import recheck_populations
from anonymize.microdata.stage import recode
from anonymize.progress import Progress, between, silent
from anonymize.recipe import DpTable, KAnonymity, Recipe, Scan
from anonymize.rows import Prepared, prepare
from anonymize.tables.base import TableEngine
from anonymize.tables.duck import DuckEngine

SAMPLE_ROWS = 20
BeforeNoise = Callable[[Loss], None]


@dataclass(frozen=True, slots=True)
class RunResult:
    """A finished run: the artefact's path, SHA-256 and rows, its report, and a few of its rows as JSON values."""

    artefact: Path
    sha256: str
    rows: int
    report: dict[str, Any]
    sample: list[dict[str, Any]]


def nobody_to_charge(loss: Loss) -> None:
    """For use without a ledger: the caller keeps the account."""


def run(
    recipe: Recipe,
    source: Path,
    output: Path,
    *,
    folder: Path | None = None,
    scratch: Path | None = None,
    engine: TableEngine | None = None,
    progress: Progress = silent,
    before_noise: BeforeNoise = nobody_to_charge,
    keys: Keys = FreshKeys(),  # noqa: B008 - holds nothing: every key is drawn when it is asked for
    tables: Mapping[str, Path] = MappingProxyType({}),
) -> RunResult:
    """Run ``recipe`` on the typed Parquet file ``source``; write ``data.parquet`` into ``output``.

    Args:
        folder: where the recipe's hierarchy files are.
        scratch: for plain intermediate files; made and removed here when None.
        before_noise: called once with the privacy loss about to be spent, after every check and before the first draw; what
            it raises stops the run with nothing drawn.
        keys: where the keys of pseudonyms come from; the default makes one for the run and throws it away.
        tables: the typed Parquet files of the tables that the recipe appends, by name.

    Raises:
        RecipeError, InputError: the recipe or the input cannot be used.
        PrivacyNotMet: the privacy asked for cannot be reached, or the written file failed its re-check.
        Whatever it raises, no artefact is left behind.
    """
    own = Path(tempfile.mkdtemp(prefix="anonymize-")) if scratch is None else scratch
    output.mkdir(parents=True, exist_ok=True)
    target = output / "data.parquet"
    target.unlink(missing_ok=True)
    database = engine or DuckEngine(temp_directory=own)
    try:
        return _run(_Job(recipe, source, target, own, folder, database, progress, before_noise, keys, tables))
    except AnonymizeError:
        target.unlink(missing_ok=True)
        raise
    except (*database.failures, pa.ArrowException, narwhals.exceptions.NarwhalsError, ArithmeticError):
        # Such an error's text may quote a value, so neither it nor its chain goes further.
        target.unlink(missing_ok=True)
        raise InputError(
            "the table could not be computed: a number may be too large for its column, or the table too large for memory"
        ) from None
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    finally:
        if engine is None:
            database.close()
        if scratch is None:
            shutil.rmtree(own, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Job:
    recipe: Recipe
    source: Path
    target: Path
    scratch: Path
    folder: Path | None
    engine: TableEngine
    progress: Progress
    before_noise: BeforeNoise
    keys: Keys
    tables: Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class _Made:
    """What a protecting stage leaves: the file is written; these are the parts of its report."""

    rows: int
    columns: list[dict[str, Any]]
    guarantee: dict[str, Any]
    public: dict[str, Any]
    internal: dict[str, Any]


def _run(job: _Job) -> RunResult:
    job.progress("reading", 0.02)
    whole = appended(job.recipe, job.source, job.tables, job.scratch, job.keys)
    prepared = prepare(job.engine, job.engine.scan_parquet(whole.source), job.recipe, job.folder)
    prepared = replace(prepared, treatment=(*whole.treatment, *prepared.treatment), counts=prepared.counts | whole.counts)
    stage = job.recipe.final
    if isinstance(stage, KAnonymity):
        made = _microdata(job, prepared, stage)
    elif isinstance(stage, DpTable):
        made = _aggregates(job, prepared, stage)
    else:
        made = _scanned(job, prepared, stage)
    job.progress("writing the report", 0.97)
    sha256 = sha256_of(job.target)
    report = reports.build(
        job.recipe, sha256=sha256, bytes=job.target.stat().st_size, rows=made.rows, columns=made.columns,
        guarantee=made.guarantee, treatment=prepared.treatment, counts=prepared.counts, public=made.public, internal=made.internal,
        engine=job.engine.library,
    )
    job.progress("done", 1.0)
    return RunResult(job.target, sha256, made.rows, report, sample(job.target))


def _microdata(job: _Job, prepared: Prepared, stage: KAnonymity) -> _Made:
    recipe = job.recipe
    if prepared.counts["rows_used"] < 1:
        raise PrivacyNotMet("no rows are left to publish", problems=(Problem("no_rows", "the row stages left no row"),))
    refuse_copies(job.engine, job.engine.scan_parquet(job.source), recipe)
    quasi = recipe.quasi_identifiers
    sensitive = {model.column: recipe.columns[model.column].hierarchy for model in stage.sensitive_models}
    named = identifiers.identifiers(job.engine, prepared.frame, recipe, stage.k, job.keys)
    recoded = recode(
        job.engine, prepared.frame, stage=stage, quasi_identifiers=quasi, person_key=recipe.person_key,
        folder=job.folder, sensitive=sensitive, progress=between(job.progress, 0.1, 0.8),
    )
    names = [name for name in prepared.schema.names if name != recipe.person_key]
    others = [name for name in names if name not in quasi and name not in named.replace]
    events = {} if recipe.person_key is None else linking(job.engine, prepared.frame, recoded.rows, recipe.person_key, others)
    persons = job.scratch / "persons.parquet" if recipe.person_key is not None else None
    job.progress("writing", 0.82)
    rows = artefact.write_rows(
        job.engine, recoded.rows, names, job.target, scratch=job.scratch, expected_rows=prepared.counts["rows_used"],
        looked_up=(recoded.number, recoded.called), persons=persons, person_key=recipe.person_key, replace=named.replace,
    )  # fmt: skip
    job.progress("counting again", 0.9)
    checked = recheck(job.target, persons, quasi_identifiers=list(quasi), k=stage.k)
    made = recoded.counted(checked.persons_of_class, checked.rows_of_class)
    identifiers.check(job.engine, job.target, prepared.frame, recipe)
    asked = stage.sensitive_models
    against = baseline(job.engine, made.source, asked, sensitive, recipe.person_key, job.folder)
    held = recheck_models(job.target, persons, list(quasi), asked, against.before, against.ladders) if asked else []
    held += recheck_populations(job.engine, prepared.frame, job.target, persons, stage.population_models, made.asked, made.lines, job.folder)
    carried = recheck_carried(job.target, persons, {averaged.column: averaged.group for averaged in stage.microaggregate})
    if persons is not None:
        persons.unlink()
    job.progress("measuring risk and usefulness", 0.93)
    measured = assess_run(job.engine, recipe, stage, prepared.frame, job.target, job.folder)
    report = dict(made.report)
    internal = {**{key: report.pop(key) for key in ("risk_before",) if key in report}, **events, "assessment": measured}
    said = [*named.treatment, *reports.averaged(stage, by_person=recipe.person_key is not None)]
    released: dict[str, Any] = ({"identifiers": named.report} if named.report else {}) | ({"treatment": said} if said else {})
    public = {**report, **released, "recheck": {"classes": checked.classes, "smallest_class_persons": checked.smallest_class_persons, "rows": checked.rows, "models": held, "microaggregation": carried}}
    columns = reports.described(recipe, artefact_schema(job.target))
    promise = reports.k_anonymity_promise(stage, checked.smallest_class_persons, list(quasi), recipe.person_key is not None)
    promise |= reports.pseudonyms_limit(recipe)
    return _Made(rows, columns, promise, public, internal)


def _aggregates(job: _Job, prepared: Prepared, stage: DpTable) -> _Made:
    recipe = job.recipe
    stage = with_domains(stage, recipe.columns, job.folder)
    ladders = _ladders(job, prepared, stage)
    made = release_table(
        job.engine, prepared.frame, stage=stage, unit=prepared.unit, ladders=ladders,
        period=recipe.privacy_unit, nobodys=recipe.missing_person_key == "nobody",
        before_noise=job.before_noise, progress=between(job.progress, 0.1, 0.9),
        column_types={field.name: reports.column_type(field.type) for field in prepared.schema},
    )
    job.progress("writing", 0.92)
    rows = artefact.write_table(made.table, job.target)
    columns = [reports.titled(recipe, column) for column in made.columns]
    promise = reports.dp_promise(
        stage, made.report_public["privacy_unit"], of_nobody=recipe.missing_person_key == "nobody", used=made.report_public
    )
    return _Made(rows, columns, promise, made.report_public, made.report_internal)


def _ladders(job: _Job, prepared: Prepared, stage: DpTable) -> dict[str, Ladder]:
    """The ladder of each column that is grouped, or has totals, at a level of its hierarchy: no value of the data has a say."""
    types = {field.name: reports.column_type(field.type) for field in prepared.schema}
    ladders: dict[str, Ladder] = {}
    for group in stage.group_by:
        levelled = group.level is not None or any(isinstance(total.get(group.output_name), int) for total in stage.totals)
        if levelled and group.column in types:
            ladders[group.column] = build_for_type(group.column, job.recipe.hierarchy_of(group.column), types[group.column], job.folder)
    return ladders


def _scanned(job: _Job, prepared: Prepared, stage: Scan) -> _Made:
    names = [name for name in prepared.schema.names if name in job.recipe.columns]
    job.progress("looking for personal values", 0.2)
    found = personal_columns(job.engine, prepared.frame, names)
    if found:
        problems = tuple(
            Problem("looks_personal", f"column {c.name!r} looks like {c.looks_like}: {c.reason}", column=c.name) for c in found
        )
        raise PrivacyNotMet("columns of this table look personal, and a scan protects nobody", problems=problems)
    # One row per person without a name or number is beyond what a scan of values can tell: the officer is warned.
    about_persons = profile_table(job.engine, prepared.frame.select(*names)).about_persons
    job.progress("writing", 0.7)
    rows = artefact.write_rows(
        job.engine, prepared.frame, names, job.target, scratch=job.scratch, expected_rows=prepared.counts["rows_used"]
    )
    columns = reports.described(job.recipe, artefact_schema(job.target))
    public = {"stage": "scan", "scan": {"columns": len(names), "looks_personal": 0}}
    return _Made(rows, columns, reports.nothing_personal(names), public, {"about_persons": about_persons})


def artefact_schema(path: Path) -> pa.Schema:
    return pq.read_schema(path)


def sample(path: Path) -> list[dict[str, Any]]:
    """The first rows of the artefact as JSON values: what an officer looks at. Order tells nothing, see artefact.py."""
    batch = next(pq.ParquetFile(path).iter_batches(batch_size=SAMPLE_ROWS), None)
    if batch is None:
        return []
    return [{name: _json(value) for name, value in row.items()} for row in batch.slice(0, SAMPLE_ROWS).to_pylist()]


def _json(value: Any) -> Any:
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
