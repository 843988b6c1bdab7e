"""The kinds of job that workers have, as data: runs, comparisons and estimates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from catalog.audit.transitions import StateTable
from catalog.releases.models import Comparison, Estimate, Job, Run
from catalog.releases.states import COMPARISON, ESTIMATE, RUN

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
ESTIMATES = Kind(Estimate, ESTIMATE, "releases.execute_estimate", watched=("noise_drawn",))
KINDS: tuple[Kind[Any], ...] = (RUNS, COMPARISONS, ESTIMATES)


def kind_of(job: J) -> Kind[J]:
    found: Kind[J] = next(kind for kind in KINDS if isinstance(job, kind.model))
    return found
