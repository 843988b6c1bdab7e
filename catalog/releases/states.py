"""The life of a run. ``running → queued`` is the sweeper's: a dead worker's run that spent nothing is rung again."""

from catalog.audit.transitions import State, StateTable

QUEUED = "queued"
RUNNING = "running"
ASSESSED = "assessed"
FAILED = "failed"
CANCELLED = "cancelled"

RUN = StateTable(
    subject="run",
    states=(
        State(QUEUED, owner="releases", to=(RUNNING, CANCELLED, FAILED)),
        State(RUNNING, owner="releases", to=(ASSESSED, FAILED, CANCELLED, QUEUED)),
        State(ASSESSED, owner="releases"),
        State(FAILED, owner="releases"),
        State(CANCELLED, owner="releases"),
    ),
)
