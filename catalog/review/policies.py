"""Who may decide. Nobody decides on what they uploaded, configured, ran or submitted: no role makes an exception."""

from __future__ import annotations

from catalog.audit.errors import Conflict, NotAllowed
from catalog.datasets.models import Dataset
from catalog.datasets.policies import check_can_edit, check_can_see_inside
from catalog.people.models import OfficerMandate, User
from catalog.people.policies import has_role
from catalog.people.roles import OFFICERS
from catalog.releases.models import Run
from catalog.releases.policies import check_can_submit as check_run_can_be_submitted
from catalog.review.binding import hands_in
from catalog.review.models import Review
from catalog.review.states import WAITING


def is_officer_for(user: User, dataset: Dataset) -> bool:
    """Officer or lead officer, active, with a mandate for the dataset's organisation."""
    return (
        user.is_active
        and any(has_role(user, role) for role in OFFICERS)
        and OfficerMandate.objects.filter(user=user, organisation=dataset.organisation_id).exists()
    )


def check_can_look(user: User, review: Review) -> None:
    """See the review's page: its officers, the people involved, lead officers and auditors."""
    check_can_see_inside(user, review.dataset)


def check_can_decide(user: User, review: Review) -> None:
    """Raises NotAllowed with the reason; what code forgets, a database trigger refuses as well."""
    if not any(has_role(user, role) for role in OFFICERS):
        raise NotAllowed("Only a privacy officer can decide.")
    if not is_officer_for(user, review.dataset):
        raise NotAllowed("You have no mandate for the organisation of this dataset.")
    how = review.involved.filter(user=user).values_list("how", flat=True).first()
    how = how or next((done for pk, done in hands_in(review.run) if pk == user.pk), None)  # also what was done since
    if how is not None:
        raise NotAllowed(f"You {how} what is under review, or an earlier try of it; somebody else must decide.")
    if review.state not in WAITING:
        raise Conflict("This review has been decided or withdrawn already.")


def can_decide(user: User, review: Review) -> bool:
    try:
        check_can_decide(user, review)
    except (NotAllowed, Conflict):
        return False
    return True


def check_can_submit(user: User, run: Run) -> None:
    check_run_can_be_submitted(user, run)
    if run.reviews.filter(state__in=WAITING).exists():
        raise Conflict("This run is under review already.")


def can_submit(user: User, run: Run) -> bool:
    try:
        check_can_submit(user, run)
    except (NotAllowed, Conflict):
        return False
    return True


def check_can_withdraw(user: User, review: Review) -> None:
    """The steward who submitted it, or another of the same organisation, takes it back before it is decided."""
    check_can_edit(user, review.dataset)
    if review.state not in WAITING:
        raise Conflict("This review has been decided or withdrawn already.")
