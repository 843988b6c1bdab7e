"""What changes reviews: submit, open, decide, withdraw."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from anonymize.errors import Problem
from catalog.audit import services as audit
from catalog.audit.errors import Conflict, Invalid, NotAllowed
from catalog.audit.transitions import move
from catalog.people.models import User
from catalog.releases.code import code_version
from catalog.releases.models import Run
from catalog.releases.services import fit, read_recipe
from catalog.review import events
from catalog.review.binding import configuration_sha256, hands_in
from catalog.review.models import Decision, Involvement, Review, Verdict
from catalog.review.policies import check_can_decide, check_can_submit, check_can_withdraw
from catalog.review.states import APPROVED, IN_REVIEW, REJECTED, RETURNED, REVIEW, SUBMITTED, WITHDRAWN
from catalog.review.testimony import of_decision, of_hands, of_review

OUTCOME = {Verdict.APPROVE: APPROVED, Verdict.RETURN: RETURNED, Verdict.REJECT: REJECTED}

# Why, as a word that can be counted; the officer's own sentence comes beside it.
REASON_CODES = {
    Verdict.APPROVE: ("risk_acceptable", "not_personal"),
    Verdict.RETURN: ("more_protection", "description_incomplete", "contract_unclear", "other"),
    Verdict.REJECT: ("risk_too_high", "contract_forbids", "no_public_interest", "other"),
}


def submit(*, by: User, run: Run, context: str = "") -> Review:
    """Put an assessed run before an officer. Records everybody who had a hand in it: they may not decide."""
    check_can_submit(by, run)
    _refuse_outdated(run)
    with transaction.atomic():
        try:
            with transaction.atomic():
                review = Review.objects.create(
                    run=run, dataset=run.dataset, context=context.strip()[:5000], artefact_sha256=run.artefact_sha256,
                    recipe_sha256=run.recipe_sha256, version_sha256=run.version.sha256, submitted_by=by,
                    configuration_sha256=configuration_sha256(run),
                )  # fmt: skip
        except IntegrityError:
            raise Conflict("This run is under review already.") from None
        hands = _involve(review, run, by)
        audit.record(by=by, action="review.submitted", subject=review, detail={**of_review(review), **of_hands(hands)})
    return review


def _refuse_outdated(run: Run) -> None:
    """Roles, hierarchies and code must still be such that the same run could be asked for today."""
    if run.code_version != code_version():
        raise Conflict("The engine was updated since this run was made. Run the recipe again.")
    now = dict(run.dataset.hierarchy_files.filter(name__in=run.hierarchies).values_list("name", "sha256"))
    if now != run.hierarchies:
        raise Conflict("A hierarchy file was changed since this run was made. Run the recipe again.")
    try:
        fit(read_recipe(run.recipe), run.dataset, run.version)
    except Invalid as error:
        raise Conflict("The roles were changed since this run was made. Run the recipe again.", problems=error.problems) from None


def _involve(review: Review, run: Run, by: User) -> set[tuple[int, str]]:
    return _note_hands(review, {*hands_in(run), (by.pk, Involvement.How.SUBMITTED.value)})


def _note_hands(review: Review, hands: set[tuple[int, str]]) -> set[tuple[int, str]]:
    """Record who had a hand in it and is not recorded yet, and give all who are: the database goes by these rows alone (guards.py)."""
    known = set(review.involved.values_list("user", "how"))
    Involvement.objects.bulk_create(Involvement(review=review, user_id=pk, how=h) for pk, h in sorted(hands - known))
    return hands | known


def open_review(*, by: User, review: Review) -> None:
    """An officer takes a waiting review in hand. Two who open it at once: one does, the other is told."""
    check_can_decide(by, review)
    if review.state == SUBMITTED:
        move(REVIEW, review, to=IN_REVIEW, by=by, action="review.opened", changes={"officer": by})


def put_back(*, by: User | None, review: Review) -> None:
    """A review whose officer may no longer decide on it waits for another again; ``by`` took their right away."""
    move(REVIEW, review, to=SUBMITTED, by=by, action="review.put_back", changes={"officer": None})


def decide(
    *, by: User, review: Review, verdict: str, reason_code: str, reason: str, artefact_sha256: str, conditions: str = ""
) -> Decision:
    """Record a verdict on exactly the bytes that the officer saw.

    ``artefact_sha256`` is the hash on the page or in the answer that the officer decided on. If it is not the hash
    under review any more, or anything else that the approval is bound to has changed, nothing is decided.

    Raises:
        NotAllowed: not an officer with a mandate here, or involved in making it.
        Conflict: decided meanwhile, or the hash is another one.
        Invalid: no such verdict or reason, or no sentence that says why.
    """
    check_can_decide(by, review)
    chosen = _checked(verdict, reason_code, reason)
    with transaction.atomic():
        review = Review.objects.select_for_update().select_related("run__version").get(pk=review.pk)
        check_can_decide(by, review)
        _refuse_changed(review, artefact_sha256)
        hands = _note_hands(review, hands_in(review.run))  # also what was done since it was submitted
        decision = _record(by, review, chosen, reason_code, reason, conditions)
        path = [OUTCOME[chosen]] if review.state == IN_REVIEW else [IN_REVIEW, OUTCOME[chosen]]
        move(
            REVIEW, review, to=path, by=by, action=f"review.{OUTCOME[chosen]}",
            detail={**of_decision(decision), **of_hands(hands)},
            changes={"officer": by, "decided_at": decision.decided_at},
        )  # fmt: skip
        if chosen is Verdict.APPROVE:
            events.approved.send(sender=Review, review=review)
    return decision


def _checked(verdict: str, reason_code: str, reason: str) -> Verdict:
    if verdict not in Verdict.values:
        raise Invalid("The verdict is approve, return or reject.", problems=(Problem("unknown", "no such verdict", pointer="/verdict"),))
    chosen = Verdict(verdict)
    if reason_code not in REASON_CODES[chosen]:
        known = ", ".join(REASON_CODES[chosen])
        raise Invalid(f"The reason code of this verdict is one of {known}.", problems=(Problem("unknown", known, pointer="/reason_code"),))
    if not 10 <= len(reason.strip()) <= 5000:
        raise Invalid(
            "Say why in a sentence (10 to 5,000 characters): somebody will read it years from now.",
            problems=(Problem("required", "too short or too long", pointer="/reason"),),
        )
    return chosen


def _refuse_changed(review: Review, seen_sha256: str) -> None:
    run = review.run
    if seen_sha256 != review.artefact_sha256:
        raise Conflict("The artefact under review is not the one you decided on (its SHA-256 differs). Reload the page.")
    now = (run.artefact_sha256, run.recipe_sha256, run.version.sha256, configuration_sha256(run))
    if now != (review.artefact_sha256, review.recipe_sha256, review.version_sha256, review.configuration_sha256):
        raise Conflict("What is under review was changed after it was submitted. It cannot be decided on.")


def _record(by: User, review: Review, verdict: Verdict, reason_code: str, reason: str, conditions: str) -> Decision:
    try:
        with transaction.atomic():
            return Decision.objects.create(
                review=review, verdict=verdict, reason_code=reason_code, reason=reason.strip(), conditions=conditions.strip()[:5000],
                artefact_sha256=review.artefact_sha256, recipe_sha256=review.recipe_sha256, decided_by=by,
            )  # fmt: skip
    except IntegrityError:
        if review.involved.filter(user=by).exists():
            raise NotAllowed("You had a hand in what is under review; somebody else must decide.") from None
        raise Conflict("You have decided on this review already.") from None


def withdraw(*, by: User, review: Review) -> None:
    """The steward takes a submission back before it is decided."""
    check_can_withdraw(by, review)
    move(REVIEW, review, to=WITHDRAWN, by=by, action="review.withdrawn")
