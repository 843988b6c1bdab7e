"""The trail's task, every few minutes."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from celery import shared_task

from catalog.audit import alarms, services
from catalog.audit.witnesses import Discrepancy

log = logging.getLogger(__name__)
TRAIL = ("trail", "entries")
RECORDS = ("trail", "records")
MOST_TOLD = 20


@shared_task(name="audit.checkpoint", ignore_result=True)  # type: ignore[untyped-decorator]
def checkpoint() -> None:
    """Sign where the trail stands, every few minutes; what is not whole, or not so, is not signed, and told of."""
    try:
        services.checkpoint()
    except services.RecordsDisagree as error:
        _tell(error.verification.discrepancies, error.verification.differences)
    except services.TrailBroken as error:
        alarms.raise_alarm(code="trail_broken", subject=TRAIL, detail={"why": str(error)})
    else:
        alarms.clear_alarm(code="trail_broken", subject=TRAIL)
        alarms.clear_alarm(code="records_disagree", subject=RECORDS)
        if services.begun_anew():
            alarms.raise_alarm(code="checkpoints_gone", subject=services.CHECKPOINTS)


def _tell(discrepancies: Sequence[Discrepancy], differences: int) -> None:
    """Somebody changed the tables past the platform: each is named in the log, the first in the alarm."""
    for discrepancy in discrepancies[:MOST_TOLD]:
        log.error("trail and table disagree: %s", discrepancy)
    first = discrepancies[0]
    detail = {"differences": differences, "first": " ".join(first.subject), "what": first.what, "trail": first.trail, "table": first.table}
    alarms.raise_alarm(code="records_disagree", subject=RECORDS, detail=detail)
