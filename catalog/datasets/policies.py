"""Who may change what comes in. Asked in pairs: ``check_can_…`` raises with the reason, ``can_…`` answers yes or no."""

from __future__ import annotations

from anonymize.errors import Problem
from catalog.audit.errors import Invalid, NotAllowed
from catalog.datasets.models import Dataset
from catalog.people.models import Organisation, User
from catalog.people.policies import check_can_manage_people, has_role
from catalog.people.roles import Role


def check_can_create(user: User, organisation: Organisation) -> None:
    """A steward creates datasets of their own organisation."""
    if not has_role(user, Role.STEWARD):
        raise NotAllowed("Only a data steward can add or change datasets.")
    if user.organisation_id is None or user.organisation_id != organisation.pk:
        raise NotAllowed("A data steward works on the datasets of their own organisation only.")


def check_can_edit(user: User, dataset: Dataset) -> None:
    check_can_create(user, dataset.organisation)


def can_edit(user: User, dataset: Dataset) -> bool:
    try:
        check_can_edit(user, dataset)
    except NotAllowed:
        return False
    return True


def check_can_hand_over(by: User, dataset: Dataset, to: User) -> None:
    """An administrator gives a dataset to another steward of its organisation, and sees nothing inside it by that."""
    check_can_manage_people(by)
    check_can_take_over(to, dataset)


def can_hand_over(by: User, dataset: Dataset, to: User) -> bool:
    try:
        check_can_hand_over(by, dataset, to)
    except (NotAllowed, Invalid):
        return False
    return True


def check_can_take_over(to: User, dataset: Dataset) -> None:
    """Raises Invalid for somebody who is no active steward of the organisation, or is its steward already."""
    message = ""
    if not can_edit(to, dataset):
        message = "The new steward must be an active data steward of the organisation that owns the dataset."
    elif dataset.steward_id == to.pk:
        message = "The dataset has this steward already."
    if message:
        raise Invalid(message, problems=(Problem("invalid", message, pointer="/steward"),))


def check_can_see_inside(user: User, dataset: Dataset) -> None:
    """Versions, profiles and runs are for the stewards of the organisation, officers and auditors; never the public."""
    if can_edit(user, dataset):
        return
    if not any(has_role(user, role) for role in (Role.OFFICER, Role.LEAD_OFFICER, Role.AUDITOR)):
        raise NotAllowed("This is for the dataset's stewards, privacy officers and auditors.")


def can_see_inside(user: User, dataset: Dataset) -> bool:
    try:
        check_can_see_inside(user, dataset)
    except NotAllowed:
        return False
    return True
