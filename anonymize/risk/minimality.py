"""The minimality attack on a full-domain release: knowing that no finer scheme would have done.

Who knows that levels were chosen as low as the promise allowed, knows that one step lower in any generalised column some
part of some class would have held 1 … k - 1 people. A class that could be that one is more suspicious than its size says.
Wong et al., "Minimality attack in privacy preserving data publishing", VLDB 2007. A scheme that was chosen without looking
at the data (``method: fixed``) tells nothing of the kind: the attacker has nothing to argue from, and learns nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from anonymize.risk.arrays import Booleans, Floats, Integers, distinct_rows
from anonymize.risk.chances import small_part
from anonymize.risk.coded import Coded
from anonymize.risk.method import Method
from anonymize.risk.parts import on_ladder
from anonymize.risk.rates import wilson

SURE = 0.95
"""A claim is made at this chance."""


def node_of(tables: Coded) -> tuple[int, ...] | None:
    """The level of each column when the release is full domain: every label of a column on one level; else ``None``."""
    levels = []
    for j, column in enumerate(tables.columns):
        used = np.unique(tables.released.codes[:, j])
        fits = [level for level in range(len(column.parents)) if on_ladder(column, level)[used].all()]
        if not fits:
            return None
        levels.append(fits[0])
    return tuple(levels)


@dataclass(frozen=True)
class Suspects:
    """One generalised column of a full-domain release, and its classes: (class,) for each.

    ``prior``: the chance, with persons spread evenly over the leaves of their label, that a part one level lower holds 1 … k-1
    persons; ``posterior``: the same for who knows that some class has such a part; ``nobody``: the chance that none has.
    """

    column: int
    prior: Floats
    posterior: Floats
    nobody: float

    @staticmethod
    def of_column(tables: Coded, sizes: Integers, column: int, level: int, method: Method) -> Suspects:
        labels = tables.released.codes[:, column]
        prior = _priors(tables, labels, sizes, column, level, method.k)
        nobody = float(np.prod(1 - prior))
        learns = method.name == "full_domain" and method.only_k and nobody < 1
        return Suspects(column, prior, np.minimum(prior / (1 - nobody), 1) if learns else prior, nobody if learns else 0.0)


def _priors(tables: Coded, labels: Integers, sizes: Integers, column: int, level: int, k: int) -> Floats:
    """(class,) chance of a small part."""
    coded = tables.columns[column]
    below = coded.parents[level - 1]
    known: dict[tuple[int, int], float] = {}
    for key in {(int(label), int(n)) for label, n in zip(labels, sizes, strict=True)}:
        leaves = coded.covered(key[0])
        known[key] = small_part(key[1], np.unique(below[leaves], return_counts=True)[1] / max(len(leaves), 1), k)
    return np.array([known[int(label), int(n)] for label, n in zip(labels, sizes, strict=True)])


def suspects(tables: Coded, method: Method) -> tuple[Suspects, ...]:
    """The generalised columns of a full-domain release of quasi-identifiers alone; none for any other."""
    node = node_of(tables)
    levels = enumerate(node or ())
    return tuple(Suspects.of_column(tables, tables.released.counts, j, level, method) for j, level in levels if level > 0)


def minimality(tables: Coded, method: Method) -> dict[str, Any] | None:
    """Run the attack on the quasi-identifiers of a full-domain release; ``None`` where it is not one.

    For each generalised column and class: ``prior`` and ``posterior`` as :class:`Suspects` has them; given that at least one
    class has a small part, posterior = prior / (1 - Π(1-prior)). ``gain``: mean posterior - prior over classes, in [0, 1]. A
    class is claimed where the posterior reaches 0.95; ``claims`` is how often such a claim is true of the original,
    ``claims_before`` of those made without the attack; ``learnt`` counts the claims that only minimality allows. ``argues``: was the
    scheme chosen from the data, by k alone? If not, the posterior is the prior. With suppression the knowledge is about
    more rows than one class, and the figures are a lower bound.
    """
    node = node_of(tables)
    if node is None or not len(tables.release):
        return None
    columns = suspects(tables, method)
    prior = np.concatenate([column.prior for column in columns]) if columns else np.zeros(0)
    posterior = np.concatenate([column.posterior for column in columns]) if columns else np.zeros(0)
    truth = np.concatenate([_truth(tables, column.column, node, method.k) for column in columns]) if columns else np.zeros(0, dtype=bool)
    claimed, before = posterior >= SURE, prior >= SURE
    return {
        "levels": dict(zip((column.name for column in tables.columns), node, strict=True)),
        "classes": len(tables.released),
        "argues": method.name == "full_domain" and method.only_k,
        "gain": round(float((posterior - prior).mean()), 6) if len(prior) else 0.0,
        "gain_max": round(float((posterior - prior).max()), 6) if len(prior) else 0.0,
        "claims": wilson(int(truth[claimed].sum()), int(claimed.sum())).as_dict(),
        "claims_before": wilson(int(truth[before].sum()), int(before.sum())).as_dict(),
        "learnt": int((claimed & ~before).sum()),
    }


def _truth(tables: Coded, column: int, node: tuple[int, ...], k: int) -> Booleans:
    """(class,): does the original really have a part of 1 … k-1 rows in the class, one level lower in the column?"""
    people, counts = tables.people.distinct.codes, tables.people.distinct.counts
    groups = [coded.parents[level] for coded, level in zip(tables.columns, node, strict=True)]
    theirs = np.column_stack([group[people[:, i]] for i, group in enumerate(groups)])
    first = [coded.members[np.minimum(coded.starts[:-1], max(len(coded.members) - 1, 0))] for coded in tables.columns]
    own = np.column_stack([group[first[i]][tables.released.codes[:, i]] for i, group in enumerate(groups)])
    _, of, _ = distinct_rows(np.concatenate([own, theirs]))  # the same class, the same number
    below = tables.columns[column].parents[node[column] - 1][people[:, column]]
    parts, _, sizes = distinct_rows(np.column_stack([of[len(own) :], below]), counts)
    return np.isin(of[: len(own)], parts[sizes < k, 0])
