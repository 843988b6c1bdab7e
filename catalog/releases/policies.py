"""Who may run recipes: the stewards of the dataset's organisation."""

from __future__ import annotations

from catalog.audit.errors import Conflict, NotAllowed
from catalog.datasets.models import Dataset
from catalog.datasets.policies import check_can_edit, check_can_see_inside
from catalog.people.models import User
from catalog.releases.models import Run
from catalog.releases.states import ASSESSED, RUN


def check_can_run(user: User, dataset: Dataset) -> None:
    check_can_edit(user, dataset)


def can_run(user: User, dataset: Dataset) -> bool:
    try:
        check_can_run(user, dataset)
    except NotAllowed:
        return False
    return True


def check_can_see(user: User, run: Run) -> None:
    check_can_see_inside(user, run.dataset)


def check_can_cancel(user: User, run: Run) -> None:
    check_can_run(user, run.dataset)
    if run.state not in RUN.open_states:
        raise Conflict("This run has ended; there is nothing to cancel.")


def can_cancel(user: User, run: Run) -> bool:
    try:
        check_can_cancel(user, run)
    except (NotAllowed, Conflict):
        return False
    return True


def check_can_submit(user: User, run: Run) -> None:
    check_can_run(user, run.dataset)
    if run.state != ASSESSED:
        raise Conflict("Only a run that ended with an artefact can be submitted.")
