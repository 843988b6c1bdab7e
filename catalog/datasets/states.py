"""The way of an uploaded version, from sealed bytes to a typed table that stages can run on."""

from catalog.audit.transitions import State, StateTable

RECEIVED = "received"
CHECKING = "checking"
READY = "ready"
REJECTED = "rejected"
DESTROYED = "destroyed"

VERSION = StateTable(
    subject="version",
    states=(
        State(RECEIVED, owner="datasets", to=(CHECKING, REJECTED, DESTROYED)),
        State(CHECKING, owner="datasets", to=(READY, REJECTED, RECEIVED)),
        State(READY, owner="datasets", to=(DESTROYED,)),
        State(REJECTED, owner="datasets", to=(DESTROYED,)),
        State(DESTROYED, owner="datasets"),
    ),
)
