"""The kinds of job that workers have, as data: runs and comparisons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from catalog.audit.transitions import StateTable
from catalog.releases.models import Comparison, Job, Run
from catalog.releases.states import COMPARISON, RUN

J = TypeVar("J", bound=Job)


@dataclass(frozen=True, slots=True)
class Kind(Generic[J]):
    """A kind of job: its model, its table of states (whose subject names it in the trail), and its doorbell.

    ``watched``: fields that must be as the sweeper saw them when it takes a job from a dead worker.
    """

    model: type[J]
    table: StateTable
    task: str
    watched: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        return self.table.subject


RUNS = Kind(Run, RUN, "releases.execute_run", watched=("noise_drawn",))
COMPARISONS = Kind(Comparison, COMPARISON, "releases.execute_comparison")
KINDS: tuple[Kind[Any], ...] = (RUNS, COMPARISONS)


def kind_of(job: J) -> Kind[J]:
    found: Kind[J] = next(kind for kind in KINDS if isinstance(job, kind.model))
    return found
