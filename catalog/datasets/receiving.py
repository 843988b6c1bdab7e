"""One uploaded file out of a request, sealed in the vault: from a form's ``file`` part, or the body itself.

Nothing reads the body before :func:`receive` is called, so that a caller without permission is refused first. What was
sealed is destroyed again on every way out but one: the caller keeps it by :meth:`Received.keep`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import orjson
from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest, UnreadablePostError
from django.http.multipartparser import MultiPartParser, MultiPartParserError

from anonymize.column_types import COLUMN_TYPES
from anonymize.errors import InputError, Problem
from anonymize.tables.header import MODES, Heading
from catalog.audit.errors import Invalid, PlatformError, TooLarge, Unsupported
from catalog.datasets import vault
from catalog.datasets.upload import SealedUpload, SealingUploadHandler

# media type of a raw body → the name it gets when the caller gives none
RAW_TYPES: Final = {
    "text/csv": "upload.csv",
    "application/vnd.apache.parquet": "upload.parquet",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "upload.xlsx",
    "application/octet-stream": "upload",
}
FORM: Final = "multipart/form-data"
MAX_FORM_OVERHEAD: Final = 16 * 1024**2  # boundaries, headers and fields around the file
MAX_NAME: Final = 1000
MAX_TYPES: Final = 5000
PARTS: Final = ("types", "header", "names")  # of a form, beside the file


class BadUpload(PlatformError):
    """The body is no upload that can be read, or ended before all of it had arrived."""

    code, status, title = "bad_upload", 400, "The upload cannot be read"


class Received:
    """A sealed file with what the caller said of it. ``declared_types``: column → type, for columns to be read as such;
    ``heading``: whether the first record names the columns."""

    def __init__(self, sealed: vault.Sealed, file_name: str, declared_types: Mapping[str, str], heading: Heading) -> None:
        self.sealed, self.file_name, self.declared_types, self.heading = sealed, file_name, dict(declared_types), heading
        self._kept = False

    def keep(self) -> vault.Sealed:
        """The sealed file, which is the caller's from now on."""
        self._kept = True
        return self.sealed

    @property
    def fingerprint(self) -> bytes:
        """Equal for equal content, name, types and header."""
        said = [self.sealed.sha256, self.file_name, sorted(self.declared_types.items()), self.heading.mode, self.heading.names]
        return orjson.dumps(said)

    def discard_unless_kept(self) -> None:
        if not self._kept:
            vault.destroy(self.sealed.name)


@contextmanager
def receive(request: HttpRequest, *, file_name: str | None = None, heading: Heading | None = None) -> Iterator[Received]:
    """Seal the request's file, in bounded memory, and hand it out; destroyed when the block ends without ``keep``.

    ``file_name`` and ``heading`` are what the address says; a form says more of the header in its parts.

    Raises:
        TooLarge, Unsupported, BadUpload: see there; nothing is kept.
        Invalid: no ``file`` part, more than one, unknown parts, or types that are none; nothing is kept.
    """
    received = _reader(request)(request, file_name, heading)
    try:
        yield received
    finally:
        received.discard_unless_kept()


def _reader(request: HttpRequest) -> Callable[[HttpRequest, str | None, Heading | None], Received]:
    kind = (request.content_type or "").lower()
    if kind != FORM and kind not in RAW_TYPES:
        raise Unsupported(f"Send a form ({FORM}) with a part named file, or the file itself as {', '.join(RAW_TYPES)}.")
    limit = settings.MAX_UPLOAD_BYTES + (MAX_FORM_OVERHEAD if kind == FORM else 0)
    if _announced(request) > limit:
        raise TooLarge(f"The file is larger than {settings.MAX_UPLOAD_BYTES} bytes. Nothing was kept.")
    return _from_form if kind == FORM else _from_body


def _announced(request: HttpRequest) -> int:
    text = str(request.META.get("CONTENT_LENGTH") or "0")
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise BadUpload("The Content-Length is no number.")
    return int(text)


class _Counted:
    """The request's body, counted: a body shorter than announced was cut off on its way."""

    def __init__(self, request: HttpRequest) -> None:
        self._source = _source(request)
        self._announced = _announced(request)
        self._read = 0

    def read(self, size: int = 65536) -> bytes:
        try:
            chunk: bytes = self._source.read(size)
        except (OSError, UnreadablePostError):
            raise _cut_off() from None
        self._read += len(chunk)
        return chunk

    def check_whole(self) -> None:
        while self.read():
            continue
        if self._read < self._announced:
            raise _cut_off()


def _cut_off() -> BadUpload:
    return BadUpload("The connection ended before the whole file had arrived. Nothing was kept; send it again.")


def _source(request: HttpRequest) -> Any:
    """Django reads no body without a Content-Length; a server that marks the end of a chunked one can be read itself."""
    chunked = not request.META.get("CONTENT_LENGTH") and request.META.get("wsgi.input_terminated")
    return request.META["wsgi.input"] if chunked else request


def _from_body(request: HttpRequest, file_name: str | None, heading: Heading | None) -> Received:
    body = _Counted(request)
    sealed = vault.seal(body, prefix="uploads")
    try:
        body.check_whole()
        return Received(sealed, _named(file_name or RAW_TYPES[str(request.content_type).lower()]), {}, heading or Heading())
    except BaseException:
        vault.destroy(sealed.name)
        raise


def _from_form(request: HttpRequest, file_name: str | None, heading: Heading | None) -> Received:
    body, handler = _Counted(request), SealingUploadHandler(request)
    try:
        source: Any = body
        fields, files = MultiPartParser(request.META, source, [handler], request.encoding).parse()
        body.check_whole()
        upload = _only_file(files, fields)
        said = heading or declared(fields.get("header"), fields.get("names"))
        return Received(upload.sealed, _named(file_name or upload.name or "upload"), _types(fields.get("types")), said)
    except (MultiPartParserError, SuspiciousOperation) as error:
        handler.upload_interrupted()
        if isinstance(error, RequestDataTooBig):
            raise TooLarge("The parts beside the file are too large. Nothing was kept.") from None
        raise BadUpload("The form cannot be read. Nothing was kept.") from None
    except BaseException:
        handler.upload_interrupted()
        raise


def _only_file(files: Any, fields: Any) -> SealedUpload:
    parts = [(name, file) for name, found in files.lists() for file in found]
    if [name for name, _ in parts] != ["file"]:
        raise _wrong("/file", "Send exactly one file, in a part named file that has a file name. Nothing was kept.")
    for name in fields:
        if name not in PARTS:
            raise _wrong("", f"The form has a part that is not known here; beside file there are {', '.join(PARTS)}. Nothing was kept.")
    upload: SealedUpload = parts[0][1]
    return upload


def declared(header: str | None, names: str | None) -> Heading:
    """What the caller says of the first record: one of MODES, and names as a JSON array. Raises :class:`Invalid`."""
    mode = header or "auto"
    if mode not in MODES:
        raise _wrong("/header", f"header is one of {', '.join(MODES)}. Nothing was kept.")
    try:
        listed = orjson.loads(names) if names and names.strip() else []
    except orjson.JSONDecodeError:
        listed = None
    if not (isinstance(listed, list) and len(listed) <= MAX_TYPES and all(_is_name(name) for name in listed)):
        raise _wrong("/names", f"names is an array of at most {MAX_TYPES} texts, one for each column. Nothing was kept.")
    return heading_of(mode, listed)


def heading_of(mode: str, names: Sequence[str]) -> Heading:
    """Raises :class:`Invalid` where the two do not go together."""
    try:
        return Heading(mode, tuple(names))
    except InputError:
        message = "A file without a header needs the names of its columns, and only such a file takes them. Nothing was kept."
    raise _wrong("/names", message)


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and "\0" not in name and len(name) <= MAX_NAME


def _types(text: str | None) -> dict[str, str]:
    if text is None or not text.strip():
        return {}
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise _wrong("/types", "types is not JSON. Nothing was kept.") from None
    if not (isinstance(found, dict) and len(found) <= MAX_TYPES and all(kind in COLUMN_TYPES for kind in found.values())):
        raise _wrong("/types", f"types is an object of column → type, the type one of {', '.join(COLUMN_TYPES)}. Nothing was kept.")
    if any("\0" in name for name in found):
        raise _wrong("/types", "A column's name holds a NUL. Nothing was kept.")
    return found


def _named(file_name: str) -> str:
    if "\0" in file_name or len(file_name) > MAX_NAME:
        raise _wrong("/file_name", f"A file name has at most {MAX_NAME} characters and no NUL. Nothing was kept.")
    return file_name


def _wrong(pointer: str, message: str) -> Invalid:
    return Invalid(message, problems=(Problem("invalid_upload", message, pointer=pointer),))
