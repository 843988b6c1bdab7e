"""A worker process of test_concurrency: spends from a population until told no. Not a test itself."""

from __future__ import annotations

import sys
import time
from decimal import Decimal
from pathlib import Path

import django

django.setup()

from catalog.ledger import services  # noqa: E402


def spend(name: str, population_id: int, epsilon: str, tries: int) -> int:
    paid = 0
    for number in range(tries):
        try:
            services.charge(
                population_id=population_id,
                epsilon=Decimal(epsilon),
                delta=Decimal(0),
                subject=("run", f"{name}-{number}"),
                by=None,
            )
            paid += 1
        except services.BudgetExceeded:
            continue
    return paid


if __name__ == "__main__":
    name, population_id, epsilon, tries, start = sys.argv[1:]
    Path(f"{start}.{name}").touch()
    while not Path(start).exists():
        time.sleep(0.01)
    sys.stdout.write(str(spend(name, int(population_id), epsilon, int(tries))))
