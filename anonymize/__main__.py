"""``python -m anonymize profile FILE``, ``python -m anonymize run RECIPE.json --input FILE --output DIR`` ``python -m anonymize frontier RECIPE.json --input FILE --output DIR [--k 2,5,10] [--l 2,3] [--methods full_domain,local_recoding]`` ,
``python -m anonymize forecast RECIPE.json --input FILE --output DIR [--factors 0.25,0.5,2,4]``,
``python -m anonymize bounds RECIPE.json --input FILE [--epsilon 0.1] [--share 0.99]`` and
``python -m anonymize assess ORIGINAL RELEASE --recipe RECIPE.json [--holdout FILE] [--sample-fraction 0.1]``.

A file without a header is read with ``--no-header --names person,age,…``.

Exit status: 0 done; 2 the recipe or the input cannot be used, with one clear line; 3 the privacy asked for cannot be
met, and no data file is left behind.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
from decimal import Decimal, InvalidOperation
from pathlib import Path

from anonymize import recipe as recipes
from anonymize import reports
from anonymize.errors import AnonymizeError, InputError, RecipeError
from anonymize.tables.choice import ENGINES, open_engine
from anonymize.tables.header import MODES


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        command = {"profile": _profile, "run": _run, "frontier": _frontier, "forecast": _forecast, "bounds": _bounds, "assess": _assess, "schema": _schema}[options.command]
        command(options)
    except AnonymizeError as error:
        print("\n".join(_told(error)), file=sys.stderr)
        return error.exit_status
    except OSError as error:  # of files that the user named: a folder that is a file, a place that cannot be written
        print(f"anonymize: {error.filename or 'a file'}: {error.strerror or type(error).__name__}", file=sys.stderr)
        return 2
    return 0


def _told(error: AnonymizeError) -> list[str]:
    """What happened, and below it each problem with its place; a single one whose words were said already is not said again."""
    lines = []
    for problem in error.problems:
        where = ", ".join(f"{k} {v}" for k, v in (("line", problem.line), ("column", problem.column), ("at", problem.pointer)) if v)
        shape = f" (shape {problem.shape})" if problem.shape else ""
        lines.append(f"  {where + ': ' if where else ''}{problem.message}{shape}")
    if len(error.problems) != 1:
        return [f"anonymize: {error.message}", *lines]
    (only,) = error.problems
    if only.message not in error.message or only.shape or only.line:
        return [f"anonymize: {error.message}", *lines]
    at = f"{only.pointer}: " if only.pointer and only.pointer not in error.message else ""
    return [f"anonymize: {at}{error.message}"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m anonymize", description="k-anonymity and differential privacy for tables about people.")
    commands = parser.add_subparsers(dest="command", required=True)
    heading = _heading_options()
    profile = commands.add_parser("profile", parents=[heading], help="what the columns of a file are and seem to be; shows no value")
    profile.add_argument("file", type=Path)
    run = commands.add_parser("run", parents=[heading], help="run a recipe on a file")
    run.add_argument("recipe", type=Path)
    run.add_argument("--input", type=Path, required=True)
    run.add_argument("--output", type=Path, required=True)
    run.add_argument("--engine", choices=ENGINES, default="duck", help="where rows live meanwhile: DuckDB, pandas (all in memory), or Spark at the master that ANONYMIZE_SPARK_MASTER names")
    run.add_argument("--key-file", type=Path, help="32 or more random bytes: the key of pseudonyms that are the same in every release of the dataset")
    run.add_argument("--table", action="append", default=[], metavar="NAME=FILE", help="a table that the recipe appends; once for each")
    choose = commands.add_parser("frontier", parents=[heading], help="risk against usefulness for several k, l and methods: a table and a picture to choose by; exact figures")
    choose.add_argument("recipe", type=Path)
    choose.add_argument("--input", type=Path, required=True)
    choose.add_argument("--output", type=Path, required=True)
    choose.add_argument("--k", default="2,5,10,20", help="values of k, with commas between")
    choose.add_argument("--l", default="", help="values of distinct l-diversity for every sensitive column; 1 asks nothing; default: what the recipe asks")
    choose.add_argument("--methods", default="full_domain,local_recoding", help="full_domain, local_recoding, fixed (with the recipe's levels)")
    foresee = commands.add_parser("forecast", parents=[heading], help="expected errors of a DP table by size of cell, for other ε and coarser grids; draws no noise; exact figures")
    foresee.add_argument("recipe", type=Path)
    foresee.add_argument("--input", type=Path, required=True)
    foresee.add_argument("--output", type=Path, required=True)
    foresee.add_argument("--factors", default="0.25,0.5,2,4", help="other ε, as multiples of the recipe's, with commas between")
    bound = commands.add_parser("bounds", parents=[heading], help="limits and bounds for a DP table, estimated with differential privacy: a release, that costs epsilon")
    bound.add_argument("recipe", type=Path, help="the limits and bounds in it play no part")
    bound.add_argument("--input", type=Path, required=True)
    bound.add_argument("--epsilon", default="0.1", help="what the look may cost; default 0.1")
    bound.add_argument("--share", default="0.99", help="of the persons, how many a bound should cover; default 0.99")
    assess = commands.add_parser("assess", parents=[heading], help="what a release gives away and is still good for, against its original; exact figures, for the officer")
    assess.add_argument("original", type=Path)
    assess.add_argument("release", type=Path)
    assess.add_argument("--recipe", type=Path, required=True)
    assess.add_argument("--holdout", type=Path, help="people like those of the original who are not in it: the control group of the attacks")
    assess.add_argument("--sample-fraction", type=float, default=1.0, help="the original's share of its population, above 0 and at most 1")
    commands.add_parser("schema", help="print the JSON Schema of a recipe")
    return parser


def _heading_options() -> argparse.ArgumentParser:
    """What all commands that read a table take: whether its first record names the columns."""
    options = argparse.ArgumentParser(add_help=False)
    header = options.add_mutually_exclusive_group()
    header.add_argument("--header", choices=MODES, default="auto", help="whether the first line names the columns; auto: yes, but a line that looks like data is refused")
    header.add_argument("--no-header", dest="header", action="store_const", const="absent", help="the first line is data; needs --names")
    options.add_argument("--names", default="", help="the columns' names where there is no header, with commas between, as in a line of CSV")
    return options


def _names(options: argparse.Namespace) -> list[str]:
    return next(csv.reader([options.names]), [])


def _recipe(path: Path) -> recipes.Recipe:
    try:
        text = path.read_bytes()
    except OSError:
        raise RecipeError(f"the recipe {path.name!r} cannot be read") from None
    return recipes.loads(text)


def _load(source: Path, scratch: Path, name: str = "typed", options: argparse.Namespace | None = None) -> Path:
    """The file as typed Parquet in ``scratch``; ``options`` say what is known of its header."""
    from anonymize.tables.files import read_upload

    if not source.is_file():
        raise InputError(f"there is no file {source.name!r} at the place given")
    typed = scratch / f"{name}.parquet"
    header, names = (options.header, _names(options)) if options else ("auto", [])
    for note in read_upload(source, file_name=source.name, output=typed, scratch=scratch, header=header, names=names).notes:
        print(f"anonymize: note: {note}", file=sys.stderr)
    return typed


def _tables(given: list[str], scratch: Path) -> dict[str, Path]:
    """Each ``NAME=FILE`` as typed Parquet, by its name."""
    pairs = [text.partition("=") for text in given]
    if any(not name or not file for name, _, file in pairs) or len({name for name, _, _ in pairs}) != len(pairs):
        raise InputError("give each table once, as --table NAME=FILE")
    return {name: _load(Path(file), scratch, f"table-{i}") for i, (name, _, file) in enumerate(pairs)}


def _profile(options: argparse.Namespace) -> None:
    from anonymize.columns.profile import profile_table
    from anonymize.tables.duck import DuckEngine

    with tempfile.TemporaryDirectory(prefix="anonymize-") as name:
        scratch = Path(name)
        typed = _load(options.file, scratch, options=options)
        with DuckEngine(temp_directory=scratch) as engine:
            profile = profile_table(engine, engine.scan_parquet(typed))
    print(json.dumps(profile.as_dict(), ensure_ascii=False, indent=2))


def _run(options: argparse.Namespace) -> None:
    from anonymize import pipeline
    from anonymize.columns.keys import FreshKeys, read_key

    # Whatever goes wrong below, no file of an earlier run may pass for the result of this one.
    for name in ("data.parquet", "report.json", "report.md"):
        (options.output / name).unlink(missing_ok=True)
    recipe = _recipe(options.recipe)
    keys = FreshKeys(read_key(options.key_file) if options.key_file else None)
    with tempfile.TemporaryDirectory(prefix="anonymize-") as name:
        scratch = Path(name)
        typed = _load(options.input, scratch, options=options)
        tables = _tables(options.table, scratch)
        with open_engine(options.engine, temp_directory=scratch) as engine:
            result = pipeline.run(
                recipe, typed, options.output, folder=options.recipe.parent, scratch=scratch, engine=engine, keys=keys, tables=tables
            )
    (options.output / "report.json").write_text(json.dumps(result.report, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    (options.output / "report.md").write_text(reports.to_markdown(result.report), encoding="utf-8")
    print(f"{result.rows} rows, SHA-256 {result.sha256}")


def _frontier(options: argparse.Namespace) -> None:
    from anonymize.frontier import frontier, to_markdown
    from anonymize.pictures import frontier_chart, standalone

    written = {kind: options.output / f"frontier.{kind}" for kind in ("json", "md", "svg")}
    for path in written.values():
        path.unlink(missing_ok=True)
    recipe = _recipe(options.recipe)
    ks, ls, methods = _numbers("--k", options.k), _numbers("--l", options.l), [part.strip() for part in options.methods.split(",")]
    with tempfile.TemporaryDirectory(prefix="anonymize-") as name:
        scratch = Path(name)
        typed = _load(options.input, scratch, options=options)
        found = frontier(recipe, typed, ks=ks, ls=ls, methods=methods, folder=options.recipe.parent, scratch=scratch)
    options.output.mkdir(parents=True, exist_ok=True)
    written["json"].write_text(json.dumps(found, ensure_ascii=False, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    written["md"].write_text(to_markdown(found), encoding="utf-8")
    picture = frontier_chart(found["points"])
    if picture:
        written["svg"].write_text(standalone(picture), encoding="utf-8")
    met = sum(point["met"] for point in found["points"])
    print(f"{met} of {len(found['points'])} settings can be had: see {written['md'].name}")


def _forecast(options: argparse.Namespace) -> None:
    from anonymize.forecast import forecast, to_markdown
    from anonymize.forecast.drawn import lines
    from anonymize.pictures import forecast_chart, standalone

    written = {kind: options.output / f"forecast.{kind}" for kind in ("json", "md", "svg")}
    for path in written.values():
        path.unlink(missing_ok=True)
    recipe, factors = _recipe(options.recipe), _factors(options.factors)
    with tempfile.TemporaryDirectory(prefix="anonymize-") as name:
        scratch = Path(name)
        typed = _load(options.input, scratch, options=options)
        found = forecast(recipe, typed, factors=factors, folder=options.recipe.parent, scratch=scratch)
    options.output.mkdir(parents=True, exist_ok=True)
    written["json"].write_text(json.dumps(found, ensure_ascii=False, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    written["md"].write_text(to_markdown(found), encoding="utf-8")
    picture = forecast_chart(lines(found["points"]))
    if picture:
        written["svg"].write_text(standalone(picture), encoding="utf-8")
    met = sum(point["met"] for point in found["points"])
    print(f"{met} of {len(found['points'])} settings can be had: see {written['md'].name}")


def _factors(text: str) -> list[Decimal]:
    try:
        found = [Decimal(part.strip()) for part in text.split(",")] if text.strip() else []
    except InvalidOperation:
        found = [Decimal(0)]
    if not all(factor.is_finite() and 0 < factor <= 1000 for factor in found):
        raise RecipeError("--factors takes numbers above 0 with commas between, such as 0.5,2")
    return found


def _numbers(option: str, text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")] if text.strip() else []
    except ValueError:
        raise RecipeError(f"{option} takes whole numbers with commas between, such as 2,5,10") from None


def _bounds(options: argparse.Namespace) -> None:
    from anonymize.bounds import propose_bounds
    from anonymize.pipeline import nobody_to_charge

    recipe, epsilon, share = _recipe(options.recipe), _decimal("--epsilon", options.epsilon), _decimal("--share", options.share)
    with tempfile.TemporaryDirectory(prefix="anonymize-") as name:
        scratch = Path(name)
        typed = _load(options.input, scratch, options=options)
        found = propose_bounds(
            recipe, typed, epsilon=epsilon, share=share, folder=options.recipe.parent, scratch=scratch, before_noise=nobody_to_charge
        )
    print(json.dumps(found, ensure_ascii=False, indent=2, allow_nan=False))


def _decimal(option: str, text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise RecipeError(f"{option} takes a number, such as 0.1") from None


def _assess(options: argparse.Namespace) -> None:
    from anonymize.assess import assess

    recipe = _recipe(options.recipe)
    with tempfile.TemporaryDirectory(prefix="anonymize-") as name:
        scratch = Path(name)
        original, release = _load(options.original, scratch, "original", options), _load(options.release, scratch, "release", options if options.header == "present" else None)
        holdout = _load(options.holdout, scratch, "holdout", options) if options.holdout else None
        found = assess(
            recipe, original, release, folder=options.recipe.parent, holdout=holdout, sample_fraction=options.sample_fraction
        )
    print(json.dumps(found, ensure_ascii=False, indent=2, allow_nan=False))


def _schema(options: argparse.Namespace) -> None:
    print(json.dumps(recipes.json_schema(), ensure_ascii=False, indent=2))


if __name__ == "__main__":
    sys.exit(main())
