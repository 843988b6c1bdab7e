"""The embedded set-up: everything on this machine, no server to install.

``python -m opendata.embedded setup`` makes keys, database and static files; ``… serve`` starts web, worker and
scheduler and ends them all on Ctrl-C. The web process is started without the vault's key.
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import pyrage

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 300  # a machine with much other work; a web process that has ended is seen at once
STOP_SECONDS = 15
WEB_THREADS = 4  # more only queue up for the cores: with 20 clients, p95 was better at 4 than at 8
MOST_RESTARTS = 5
# An embedded platform uses the keys of its own folder, whatever the surroundings hold.
KEYS = frozenset({"SECRET_KEY", "TRAIL_CHECKPOINT_KEY", "TRAIL_CHECKPOINT_FILE", "VAULT_RECIPIENT", "VAULT_IDENTITY_FILE"})


@dataclass
class Embedded:
    """An embedded platform in a folder. ``environment`` adds to what its processes get."""

    folder: Path
    port: int = 8000
    environment: Mapping[str, str] = field(default_factory=dict)
    web_workers: int = 2
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _watcher: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def identity_file(self) -> Path:
        return self.folder / "keys" / "vault_identity"

    def env(self, *, worker: bool) -> dict[str, str]:
        """The environment of a process; only a worker is told where the vault's key is."""
        kept = {k: v for k, v in os.environ.items() if k not in KEYS}
        own = {
            "DJANGO_SETTINGS_MODULE": "opendata.settings",
            "DATA_DIR": str(self.folder),
            "SITE_URL": self.url,
            "PYTHONPATH": str(ROOT),
            **({"VAULT_IDENTITY_FILE": str(self.identity_file)} if worker else {}),
        }
        return {**kept, **own, **self.environment}

    def setup(self) -> None:
        """Keys, database, static files, translations. Doing it again changes nothing."""
        make_keys(self.folder)
        self.manage("set_up")

    def manage(self, *command: str, stdin: str | None = None) -> str:
        """Run a management command; its output. Raises CalledProcessError with the output shown."""
        return self.python(str(ROOT / "manage.py"), *command, stdin=stdin)

    def python(self, *arguments: str, stdin: str | None = None) -> str:
        """Run Python on something of ours, with the environment of the web process."""
        done = subprocess.run(  # noqa: S603  our own commands
            [sys.executable, *arguments],
            env=self.env(worker=False), input=stdin, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, cwd=ROOT,
        )  # fmt: skip
        if done.returncode:
            print(done.stdout, file=sys.stderr)
            raise subprocess.CalledProcessError(done.returncode, arguments[0], done.stdout)
        return done.stdout

    def commands(self) -> dict[str, list[str]]:
        celery = [sys.executable, "-m", "celery", "-A", "opendata"]
        return {
            "web": [
                sys.executable, "-m", "gunicorn", "opendata.wsgi", "--bind", f"127.0.0.1:{self.port}", "--workers", str(self.web_workers),
                "--threads", str(WEB_THREADS), "--timeout", "600", "--graceful-timeout", "5", "--worker-tmp-dir", str(self.folder),
                "--no-control-socket",
            ],
            "worker": [*celery, "worker", "--pool", "prefork", "--concurrency", "2", "--loglevel", "WARNING", "--without-gossip", "--without-mingle", "--without-heartbeat"],
            "scheduler": [*celery, "beat", "--loglevel", "WARNING", "--schedule", str(self.folder / "beat-schedule"), "--pidfile", ""],
        }  # fmt: skip

    def start(self, *names: str) -> None:
        """Start the named processes (all when none is named), each in a process group of its own, and wait for web.

        From then on a process that dies is started again, until :meth:`stop`.
        """
        (self.folder / "log").mkdir(exist_ok=True)
        for name in names or self.commands():
            self._spawn(name)
        if self._watcher is None:
            self._watcher = threading.Thread(target=self._watch, name="watcher", daemon=True)
            self._watcher.start()
        if "web" in self.running:
            self.wait()

    def _spawn(self, name: str) -> None:
        with (self.folder / "log" / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(  # noqa: S603
                self.commands()[name], env=self.env(worker=name == "worker"), stdout=log, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL, cwd=ROOT, start_new_session=True,
            )  # fmt: skip

    def _watch(self) -> None:
        """Start again what died; give up on what dies too often, which :func:`serve` then notices."""
        while not self._stopping.wait(1):
            with self._lock:
                for name, process in list(self.running.items()):
                    if process.poll() is None or self.restarts.get(name, 0) >= MOST_RESTARTS or self._stopping.is_set():
                        continue
                    self.restarts[name] = self.restarts.get(name, 0) + 1
                    print(f"The {name} process ended by itself; starting another (see {self.folder / 'log'}).", file=sys.stderr)
                    end_group(process)
                    self._spawn(name)

    def wait(self) -> None:
        """Until the site answers. Raises RuntimeError with the last of its log if it does not."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.running["web"].poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"{self.url}/api/v1/datasets?limit=1", timeout=5):  # noqa: S310  our own address
                    return
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.1)
        log = (self.folder / "log" / "web.log").read_text(errors="replace")[-3000:]
        raise RuntimeError(f"the web process did not come up:\n{log}")

    def kill(self, name: str) -> None:
        """kill -9 of a process and its children."""
        with self._lock:
            process = self.running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        """End every process that was started: ask the leaders, then end what is left of their groups."""
        self._stopping.set()
        if self._watcher is not None:
            self._watcher.join()
            self._watcher = None
        for process in self.running.values():
            if process.poll() is None:
                # To the leader alone: Celery's pool processes that get the signal as well keep their parent waiting.
                process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in self.running.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=max(0.1, deadline - time.monotonic()))
            end_group(process)
        self.running.clear()
        self._stopping.clear()


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Whatever of its process group is still there after the polite signal."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def make_keys(folder: Path) -> None:
    """Fresh keys for this folder, once, readable by this user alone."""
    keys = folder / "keys"
    keys.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not (keys / "vault_identity").exists():
        identity = pyrage.x25519.Identity.generate()
        _write(keys / "vault_identity", str(identity))
        _write(keys / "vault_recipient", str(identity.to_public()))
    for name in ("secret_key", "trail_checkpoint_key"):
        if not (keys / name).exists():
            _write(keys / name, secrets.token_hex(32))


def _write(path: Path, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")


def port_in_use(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Every way out ends the processes: SIGTERM does what Ctrl-C does, also where a shell had SIGINT ignored.

    Only the first signal counts: a second one, from an impatient hand, must not interrupt the ending of the processes
    nor the last words.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    before: dict[int, Any] = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in before:
        signal.signal(number, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException:
        _restore(before)
        raise
    else:
        _restore(before)


def _restore(handlers: dict[int, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)


def serve(platform: Embedded) -> None:
    """Until Ctrl-C, or until one of the processes has died too often."""
    try:
        while all(platform.restarts.get(name, 0) < MOST_RESTARTS for name in platform.running):
            time.sleep(0.5)
    except KeyboardInterrupt:
        print()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m opendata.embedded", description=__doc__)
    parser.add_argument("command", choices=["setup", "serve"])
    parser.add_argument("--folder", type=Path, default=Path(os.environ.get("DATA_DIR", ROOT / "var")))
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args()
    platform = Embedded(options.folder.resolve(), options.port)
    with ended_by_signals():
        platform.setup()
        if options.command == "serve":
            if port_in_use(options.port):
                print(f"Port {options.port} is in use. Stop what listens there, or choose another with --port.", file=sys.stderr)
                return 1
            try:
                platform.start()
                print(f"The site is at {platform.url} (Ctrl-C ends it).", flush=True)
                serve(platform)
            finally:
                platform.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
