"""The life of a publication. Nothing leads back to ``published``: starting again takes a new decision."""

from catalog.audit.transitions import State, StateTable

PUBLISHED = "published"
SUPERSEDED = "superseded"
SUSPENDED = "suspended"
WITHDRAWN = "withdrawn"

PUBLICATION = StateTable(
    subject="publication",
    states=(
        State(PUBLISHED, owner="publishing", to=(SUPERSEDED, SUSPENDED, WITHDRAWN)),
        State(SUPERSEDED, owner="publishing", to=(SUSPENDED, WITHDRAWN)),
        State(SUSPENDED, owner="publishing", to=(WITHDRAWN,)),
        State(WITHDRAWN, owner="publishing"),
    ),
)
READABLE = (PUBLISHED, SUPERSEDED)

WAITING, COPYING, DONE, REFUSED = "waiting", "copying", "done", "refused"
COPY = StateTable(
    subject="copy",
    states=(
        State(WAITING, owner="publishing", to=(COPYING,)),
        State(COPYING, owner="publishing", to=(DONE, REFUSED, WAITING)),
        State(DONE, owner="publishing"),
        State(REFUSED, owner="publishing", to=(WAITING,)),  # somebody has mended what stood in the way, and orders it again
    ),
)
