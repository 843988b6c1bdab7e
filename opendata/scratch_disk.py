"""What kind of file system the scratch folder is on, where plain rows lie while a worker works; read from Linux itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

KINDS: Final = ("any", "memory", "encrypted")
"""What an operator may demand of it, by SCRATCH_ON."""

_MEMORY: Final = ("tmpfs", "ramfs")
_ENCRYPTED: Final = ("ecryptfs", "fuse.gocryptfs", "fuse.encfs")


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of /proc/self/mountinfo (proc(5)): where it is mounted, its device as ``major:minor``, its type."""

    point: Path
    device: str
    kind: str


def is_on(folder: Path, kind: str, *, proc: Path = Path("/proc"), sys: Path = Path("/sys")) -> bool:
    """Whether a folder, or the place where it will be made, is on a file system of a kind. What cannot be found out is no."""
    if kind == "any":
        return True
    try:
        mount = mount_of(folder.resolve(), (proc / "self/mountinfo").read_text())
    except OSError:
        return False
    if mount is None:
        return False
    if kind == "memory":
        return mount.kind in _MEMORY
    return mount.kind in _ENCRYPTED or _is_dm_crypt(sys / "dev/block" / mount.device)


def mount_of(folder: Path, mountinfo: str) -> Mount | None:
    """The mount that a folder is on: the last of the longest, since a later mount covers an earlier one."""
    covering = [mount for mount in map(_parsed, mountinfo.splitlines()) if mount is not None and folder.is_relative_to(mount.point)]
    return max(reversed(covering), key=lambda mount: len(mount.point.parts), default=None)


def _parsed(line: str) -> Mount | None:
    before, _, after = line.partition(" - ")
    fields, rest = before.split(), after.split()
    if len(fields) < 5 or not rest:
        return None
    return Mount(Path(fields[4].replace("\\040", " ")), fields[2], rest[0])


def _is_dm_crypt(device: Path) -> bool:
    """A device of dm-crypt (LUKS), or one that stands on such devices alone (a volume on an encrypted disk)."""
    try:
        if (device / "dm/uuid").read_text().startswith("CRYPT-"):
            return True
    except OSError:
        pass
    below = list((device / "slaves").iterdir()) if (device / "slaves").is_dir() else []
    return bool(below) and all(map(_is_dm_crypt, below))
