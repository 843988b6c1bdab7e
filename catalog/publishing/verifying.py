"""Reading again all that is published, every so often: bytes that changed since are noticed, told of, and put right.

A process that serves looks at a file when it opens it, and again when the file is another one by its inode, size or
times. This sees the rest: what nobody asked for, and bytes that changed below the file system.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from catalog.audit.alarms import clear_alarm, raise_alarm
from catalog.publishing import store
from catalog.publishing.models import Publication
from catalog.publishing.services import columns_of, keep_artefact
from catalog.publishing.states import WITHDRAWN

log = logging.getLogger(__name__)


def verify_store() -> int:
    """Hash every published file, and every outline that a map is drawn from, in the public store itself; workers only.

    What is not as it should be raises an alarm, is made again from the sealed artefact, whose bytes are checked as those
    of a first publication are, and then is in order again. Returns how many files were not as they should be.
    """
    wrong = 0
    for publication in Publication.objects.exclude(state=WITHDRAWN).exclude(store_name="").select_related("review__run__dataset").order_by("pk"):
        wrong += _verify_release(publication)
        wrong += sum(_verify_outline(publication, sha256) for sha256 in outlines_of(publication))
    return wrong


def outlines_of(publication: Publication) -> set[str]:
    """The hashes of the outlines that the maps of a publication are drawn from."""
    return {column["layer"] for column in publication.columns if column.get("layer")}


def _verify_release(publication: Publication) -> bool:
    """Whether it was damaged."""
    sha256 = publication.artefact_sha256
    subject = ("artefact", sha256)
    if store.stored_sha256(publication.store_name) == sha256:
        clear_alarm(code="release_damaged", subject=subject)
        return False
    raise_alarm(code="release_damaged", subject=subject)
    if _mended(lambda: keep_artefact(publication.review.run, sha256)):
        clear_alarm(code="release_damaged", subject=subject, detail={"mended": "from the sealed artefact"})
    return True


def _verify_outline(publication: Publication, sha256: str) -> bool:
    subject = ("outline", sha256)
    if store.stored_sha256(store.outline_name(sha256)) == sha256:
        clear_alarm(code="outline_damaged", subject=subject)
        return False
    raise_alarm(code="outline_damaged", subject=subject)
    if _mended(lambda: columns_of(publication.review.run)) and store.stored_sha256(store.outline_name(sha256)) == sha256:
        clear_alarm(code="outline_damaged", subject=subject, detail={"mended": "from the layer"})
    return True


def _mended(step: Callable[[], object]) -> bool:
    try:
        step()
    except Exception as error:  # the alarm stands, and the next sweep tries again
        log.warning("what is damaged in the public store was not mended: %s", type(error).__name__)
        return False
    return True
