"""The public query language over a published Parquet file. A plain library: it knows no request and no database.

>>> page = records(ReleaseFile(path, sha256, schema), parse_params({"where": "spend > 100"}), secret=key)

A file is opened once and kept; whether a release may be shown at all is asked by the caller, at every request.
"""

from catalog.publishing.query.errors import QueryError
from catalog.publishing.query.exports import MEDIA_TYPES, export, parse_export_params, stored_whole
from catalog.publishing.query.files import forget
from catalog.publishing.query.params import RecordsQuery, parse_params
from catalog.publishing.query.records import Page, etag, records
from catalog.publishing.query.schema import ReleaseColumn, ReleaseFile, ReleaseSchema, SchemaError

__all__ = [
    "MEDIA_TYPES",
    "Page",
    "QueryError",
    "RecordsQuery",
    "ReleaseColumn",
    "ReleaseFile",
    "ReleaseSchema",
    "SchemaError",
    "etag",
    "export",
    "forget",
    "parse_export_params",
    "parse_params",
    "records",
    "stored_whole",
]
