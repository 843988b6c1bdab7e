"""What a class gives away about a sensitive column even when nobody in it can be told apart (TRAPS.md 26)."""

from __future__ import annotations

import numpy as np

from anonymize.risk.arrays import Integers, dense, distinct_rows


def homogeneity(classes: Integers, sensitive: Integers, persons: Integers | None = None, *, times: Integers | None = None) -> dict[str, float | int]:
    """``classes``, ``sensitive``, ``persons``: (row,) codes. A person counts once for each value they have in a class.

    ``times``: (row,) how many persons have such a row, where there are no ``persons``.
    ``least_distinct``: fewest values in a class (distinct l). ``least_entropy``: smallest exp(-Σ q ln q), at least 1 (entropy
    l). ``records_homogeneous``: share of persons in classes with one value. ``likeliest``: mean over persons of the largest
    q of their class, what an attacker who guesses the commonest value gets right; ``likeliest_whole`` the same for the whole
    table as one class. ``skew_max``, ``skew_mean``: distance ½Σ|q - p| of a class from the whole, in [0, 1] (the t of
    t-closeness with equal distance). ``gain_max``: largest (q - p)/p, at least 0 (the β of β-likeness).
    Machanavajjhala et al. 2007; Li et al. 2007; Cao & Karras 2012. All 0 for an empty table.
    """
    if not len(classes):
        return dict.fromkeys(_NAMES, 0)
    rows = np.column_stack([classes, sensitive])
    if persons is not None:
        rows = distinct_rows(np.column_stack([classes, sensitive, persons]))[0][:, :2]
    pairs, _, held = distinct_rows(rows, times if persons is None else None)
    of, names = dense(pairs[:, 0])  # (pair,) → class
    value, value_names = dense(pairs[:, 1])
    sizes = np.bincount(of, weights=held)
    p = np.bincount(value, weights=held, minlength=len(value_names)) / held.sum()
    q = held / sizes[of]
    distinct = np.bincount(of)
    entropy = np.exp(np.bincount(of, weights=-q * np.log(q)))
    largest = np.zeros(len(names))
    np.maximum.at(largest, of, q)
    # ½Σ|q - p| = Σ of (q - p) where q is larger; values that the class lacks have q = 0 and add nothing to it
    skew = np.bincount(of, weights=np.maximum(q - p[value], 0))
    share = sizes / sizes.sum()
    figures = (
        int(distinct.min()), float(entropy.min()), float(share[distinct == 1].sum()), float(share @ largest), float(p.max()),
        float(skew.max()), float(share @ skew), float(max((q / p[value]).max() - 1, 0.0)),
    )  # fmt: skip
    return {name: round(figure, 9) for name, figure in zip(_NAMES, figures, strict=True)}


_NAMES = (
    "least_distinct", "least_entropy", "records_homogeneous", "likeliest", "likeliest_whole", "skew_max", "skew_mean", "gain_max",
)  # fmt: skip
