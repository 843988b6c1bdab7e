"""``python -m opendata.demo``: set the embedded platform up, tell the main job end to end over its API, serve the site.

``--data city`` is a simulated city of ``--people``; ``--data journey`` is real purchases (an optional extra). Told once
in a folder (``DATA_DIR``, or ``var``), the story is not told again: the data are kept, and the site starts at once.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from opendata.demo import accounts, city, journey, population
from opendata.demo.chapters import CITY, CITY_QUESTIONS, JOURNEY, JOURNEY_QUESTIONS, Chapter, Question
from opendata.demo.client import ApiRefused, Unreachable
from opendata.demo.desk import StoryStopped, TookTooLong
from opendata.demo.show import Show
from opendata.demo.story import Teller, tell_story, untold
from opendata.embedded import ROOT, Embedded, ended_by_signals, make_keys, port_in_use, serve

SERVE_LATER = "`make demo` serves the site with these data."
PYTHON = Path(sys.executable)
CODE = f"{PYTHON.relative_to(Path.cwd()) if PYTHON.is_relative_to(Path.cwd()) else PYTHON} -m opendata.demo code"
SEED = 7  # of the simulation; privacy noise has none


@dataclass(frozen=True)
class Plot:
    """What is told: a headline, the chapters and questions, and who writes the files. ``name`` is their folder's."""

    name: str
    headline: str
    chapters: tuple[Chapter, ...]
    questions: tuple[Question, ...]
    build: Callable[[Path], object]


def plot(data: str, people: int) -> Plot:
    """Raises ExtraMissing or ValueError where it cannot be told."""
    if data == "journey":
        if find_spec(journey.PACKAGE) is None:
            raise journey.ExtraMissing(journey.MISSING)
        headline = "Real purchases of 2,469 households in 2017 (The Complete Journey, 84.51°)."
        return Plot("journey", headline, JOURNEY, JOURNEY_QUESTIONS, journey.build)
    if not population.FEWEST <= people <= population.MOST:
        raise ValueError(f"The city holds from {population.FEWEST:,} to {population.MOST:,} people.")
    headline = f"SIMULATED DATA: Haneul (하늘시), a city of {people:,} people. Nobody in it exists."
    build = partial(city.build, people=people, seed=SEED)
    return Plot(f"city-{people}", headline, CITY, CITY_QUESTIONS, build)


def files_of(told: Plot, folder: Path) -> Path:
    """The story's input files, written once: a folder that is there is whole."""
    done = folder / "demo" / told.name
    if not done.is_dir():
        part = done.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        told.build(part)
        part.replace(done)
    return done


class InUse(Exception):
    """Another demo holds this folder."""


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """One demo a folder: a second one would run two schedulers on one database."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InUse(f"A demo is running on {folder} already.") from None
        yield


def embedded(folder: Path, port: int) -> Embedded:
    """The embedded set-up, whatever the shell says of servers: a demo never meets a real database."""
    here = {
        "OPENDATA_MODE": "embedded",
        "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
        "BROKER_URL": "filesystem://",
        "S3_BUCKET": "",
        "CACHE_URL": "",
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
    }
    return Embedded(folder, port, here)


def set_up(platform: Embedded, ways: accounts.Ways) -> str:
    """Keys, database, static files, demo accounts; what was made, in words."""
    make_keys(platform.folder)
    return platform.manage("setup_demo", "--whole", stdin=accounts.order(ways.passwords, ways.secrets)).strip().splitlines()[-1]


def demo(platform: Embedded, told: Plot, show: Show, *, serving: bool) -> int:
    """The whole of it; every process that was started has ended when this returns."""
    began = time.monotonic()
    show.title(told.headline)
    platform.folder.mkdir(parents=True, exist_ok=True)
    ways = accounts.ways(platform.folder)
    with ThreadPoolExecutor(1) as pool:
        files = pool.submit(files_of, told, platform.folder)
        show.act("0  Set up")
        show.line(f"keys, database, {set_up(platform, ways)}  ({time.monotonic() - began:.1f} s)")
        try:
            platform.start()
            show.line(f"web, worker and scheduler are up at {platform.url}  ({time.monotonic() - began:.1f} s)")
            _story(platform, told, ways, files, show)
            show.line()
            show.line(f"Ready after {time.monotonic() - began:.1f} s.")
            _where(platform, ways, show, serving=serving)
            if serving:
                serve(platform)
        finally:
            platform.stop()
    return 0


def _story(platform: Embedded, told: Plot, ways: accounts.Ways, files: Future[Path], show: Show) -> None:
    waiting = untold(platform.url, told.chapters)
    if not waiting:
        show.line("The story was told before in this folder; its data are kept. (`make clean` begins anew.)")
        return
    if len(waiting) < len(told.chapters):
        show.line("Part of the story was told before; what is missing follows.")
    teller = Teller(platform.url, ways, files.result(), show)
    try:
        tell_story(teller, waiting, told.questions)
    finally:
        teller.close()
    show.line()
    took = (f"act {title.split()[0]} {seconds:.1f} s" for title, seconds in teller.timings.items())
    show.line(f"Time: {', '.join(took)}.")


def _where(platform: Embedded, ways: accounts.Ways, show: Show, *, serving: bool) -> None:
    show.act("Look around")
    places = (
        ("the catalogue", "/"),
        ("public register of releases and budgets", "/register"),
        ("the API, to browse and try", "/api/docs"),
        ("a steward's desk (sign in)", "/steward"),
        ("an officer's queue (sign in)", "/reviews"),
        ("the trail (sign in as auditor)", "/trail"),
    )
    show.table("", ("page", "address"), [(name, platform.url + path) for name, path in places])
    show.line()
    rows = [(account.username, ways.passwords[account.username], account.about) for account in accounts.ACCOUNTS]
    show.table("Demo accounts of this machine (not for production):", ("name", "password", "who"), rows)
    show.line()
    show.line(f"With a password these are asked for a code as well: {', '.join(sorted(ways.secrets))}. For one of now, say: {CODE} olga")
    show.line("It is good once, for about a minute. (SECOND_FACTOR=optional, for a new folder: no codes.)")
    show.line(f"They are kept in {platform.folder / accounts.FILE}.")
    last = "Ctrl-C ends it all; `make demo` starts again with the same data." if serving else SERVE_LATER
    show.line(last)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    if options.command == "code":
        return code(options.folder.resolve(), options.name)
    show, folder = Show(), options.folder.resolve()
    try:
        told = plot(options.data, options.people)
        if port_in_use(options.port):
            raise InUse(
                f"Port {options.port} is in use. Stop what listens there, or choose another: make demo PORT=8001"
            )
        with ended_by_signals(), held(folder):
            return demo(embedded(folder, options.port), told, show, serving=not options.no_serve)
    except (InUse, journey.ExtraMissing, ValueError) as error:
        show.trouble(str(error))
    except (ApiRefused, StoryStopped) as error:
        for line in error.lines():
            show.trouble(line)
        show.line(f"The logs are in {folder / 'log'}; `make demo` goes on from here.")
    except (Unreachable, TookTooLong, RuntimeError, subprocess.CalledProcessError) as error:
        show.trouble(str(error))
        show.line(f"The logs are in {folder / 'log'}; `make demo` goes on from here.")
    except KeyboardInterrupt:
        show.line("Stopped; every process has ended. `make demo` goes on from here.")
        return 130
    return 1


def code(folder: Path, name: str) -> int:
    """Print what the app of one of the demo's accounts would show now."""
    shown = accounts.ways(folder).code(name) if (folder / accounts.FILE).is_file() else None
    print(shown or f"Nobody called {name} has a second factor in {folder}.", file=sys.stdout if shown else sys.stderr)
    return 0 if shown else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m opendata.demo", description="The main job end to end, then the site."
    )
    parser.add_argument("command", nargs="?", choices=("code",), help="code NAME: the code of an account's second factor")
    parser.add_argument("name", nargs="?", default="")
    parser.add_argument(
        "--data", choices=("city", "journey"), default="city", help="a simulated city, or real purchases"
    )
    parser.add_argument("--people", type=int, default=3_000, help="size of the simulated city (default 3000)")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument(
        "--folder", type=Path, default=Path(os.environ.get("DATA_DIR", ROOT / "var")), help="default: DATA_DIR, or var"
    )
    parser.add_argument("--no-serve", action="store_true", help="end after the job")
    return parser


if __name__ == "__main__":
    sys.exit(main())
