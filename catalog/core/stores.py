"""The stores of the platform as Django sees them: local folders whose files are whole or not there, and stores that a
process may read only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage, storages

from catalog.core.whole_files import move_whole, whole_file


class ReadOnlyStore(RuntimeError):
    """This process may read a store, and was about to change it: a fault of ours, stopped before it did anything."""


class WholeFiles(FileSystemStorage):
    """A local folder. A file appears under its name from one moment to the next, synced to the disk.

    With ``allow_overwrite`` a file takes the place of the one that has its name, just as wholly.
    """

    def _save(self, name: str, content: File) -> str:
        path = Path(self.path(name))
        mode = int(self.file_permissions_mode or 0o644)
        if hasattr(content, "temporary_file_path"):
            move_whole(Path(content.temporary_file_path()), path, mode=mode)
        else:
            with whole_file(path, mode=mode) as file:
                for chunk in content.chunks():
                    file.write(chunk)
        return name


class ReadOnlyFiles(WholeFiles):
    """The same folder, for a process that has no business writing there."""

    def _save(self, name: str, content: File) -> str:
        raise ReadOnlyStore("This process may only read this store.")

    def delete(self, name: str) -> None:
        raise ReadOnlyStore("This process may only read this store.")


def store(name: str) -> Storage:
    """The store of that name: ``vault``, ``artefacts`` or ``public``."""
    return storages[name]


def names_in(store: Storage, folder: str = "") -> Iterator[str]:
    """Every file of a store, by its name there; nothing where the store was never written to."""
    try:
        folders, files = store.listdir(folder)
    except FileNotFoundError:
        return
    prefix = f"{folder}/" if folder else ""
    yield from (prefix + file for file in files)
    for inner in folders:
        yield from names_in(store, prefix + inner)
