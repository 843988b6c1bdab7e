"""A worker estimates bounds: charges the population, looks at the version's table once, keeps the noisy proposals alone."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from anonymize import recipe as recipes
from anonymize.bounds import propose_bounds
from catalog.releases.charging import charge, spent
from catalog.releases.jobs import Progress, engine_in, execute, finish, hierarchies_of, sweep_jobs, table_of
from catalog.releases.kinds import ESTIMATES
from catalog.releases.models import Estimate
from catalog.releases.states import DONE
from catalog.releases.testimony import of_result


def execute_estimate(estimate_id: int) -> None:
    """Carry out one queued estimate, if no other worker has it."""
    execute(ESTIMATES, estimate_id, _work)


def _work(estimate: Estimate, folder: Path) -> None:
    recipe, typed = recipes.parse(estimate.recipe), table_of(estimate, folder)
    with engine_in(folder) as engine:
        result = propose_bounds(
            recipe, typed, epsilon=Decimal(estimate.epsilon), share=Decimal(estimate.share), folder=hierarchies_of(estimate, folder),
            scratch=folder, engine=engine, progress=Progress(estimate), before_noise=lambda loss: charge(estimate, loss),
        )  # fmt: skip
    finish(ESTIMATES, estimate, to=DONE, detail={"epsilon": estimate.epsilon, **of_result(result)}, changes={"result": result})


def sweep_estimates() -> None:
    """Estimates whose worker died: back to the queue if nothing was spent and tries are left, failed otherwise."""
    sweep_jobs(ESTIMATES, spent)
