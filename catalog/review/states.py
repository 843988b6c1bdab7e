"""The way of a release under review. Two-officer review will add a state between ``in_review`` and ``approved``.

``in_review → submitted`` is an administrator's: the officer who had it in hand lost the account, the role or the mandate."""

from catalog.audit.transitions import State, StateTable

SUBMITTED = "submitted"
IN_REVIEW = "in_review"
APPROVED = "approved"
RETURNED = "returned"
REJECTED = "rejected"
WITHDRAWN = "withdrawn"

REVIEW = StateTable(
    subject="review",
    states=(
        State(SUBMITTED, owner="review", to=(IN_REVIEW, WITHDRAWN)),
        State(IN_REVIEW, owner="review", to=(APPROVED, RETURNED, REJECTED, WITHDRAWN, SUBMITTED)),
        State(APPROVED, owner="review"),
        State(RETURNED, owner="review"),
        State(REJECTED, owner="review"),
        State(WITHDRAWN, owner="review"),
    ),
)
WAITING = (SUBMITTED, IN_REVIEW)
