"""Who may run recipes and compare settings: the stewards of the dataset's organisation."""

from __future__ import annotations

from catalog.audit.errors import Conflict, NotAllowed
from catalog.datasets.models import Dataset
from catalog.datasets.policies import check_can_edit, check_can_see_inside
from catalog.people.models import User
from catalog.releases.kinds import kind_of
from catalog.releases.models import Job, Run
from catalog.releases.states import ASSESSED


def check_can_run(user: User, dataset: Dataset) -> None:
    check_can_edit(user, dataset)


def can_run(user: User, dataset: Dataset) -> bool:
    try:
        check_can_run(user, dataset)
    except NotAllowed:
        return False
    return True


def check_can_see(user: User, job: Job) -> None:
    check_can_see_inside(user, job.dataset)


def check_can_cancel(user: User, job: Job) -> None:
    check_can_run(user, job.dataset)
    kind = kind_of(job)
    if job.state not in kind.table.open_states:
        raise Conflict(f"This {kind.subject} has ended; there is nothing to cancel.")


def can_cancel(user: User, job: Job) -> bool:
    try:
        check_can_cancel(user, job)
    except (NotAllowed, Conflict):
        return False
    return True


def check_can_submit(user: User, run: Run) -> None:
    check_can_run(user, run.dataset)
    if run.state != ASSESSED:
        raise Conflict("Only a run that ended with an artefact can be submitted.")
