"""The life of a run, of a comparison, and of an estimate of bounds. ``running → queued`` is the sweeper's: what a dead worker had, and had spent
nothing on, is rung again."""

from catalog.audit.transitions import State, StateTable

QUEUED = "queued"
RUNNING = "running"
ASSESSED = "assessed"
DONE = "done"
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

COMPARISON = StateTable(
    subject="comparison",
    states=(
        State(QUEUED, owner="releases", to=(RUNNING, CANCELLED, FAILED)),
        State(RUNNING, owner="releases", to=(DONE, FAILED, CANCELLED, QUEUED)),
        State(DONE, owner="releases"),
        State(FAILED, owner="releases"),
        State(CANCELLED, owner="releases"),
    ),
)

ESTIMATE = StateTable(
    subject="estimate",
    states=(
        State(QUEUED, owner="releases", to=(RUNNING, CANCELLED, FAILED)),
        State(RUNNING, owner="releases", to=(DONE, FAILED, CANCELLED, QUEUED)),
        State(DONE, owner="releases"),
        State(FAILED, owner="releases"),
        State(CANCELLED, owner="releases"),
    ),
)
