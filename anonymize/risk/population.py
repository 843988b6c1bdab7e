"""From a sample to its population: how many of the sample's uniques are unique in the whole population?

All functions take the class sizes of the sample, ``sizes``: (class,) records, all above 0, and the sampling
``fraction`` π in (0, 1]. n records in the sample, N = n / π in the population, u classes, s_j classes of size j.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import betaln, expit, gammaln, logsumexp

Integers = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.float64]


def zayatz(sizes: Integers, fraction: float) -> float:
    """Expected population uniques, 0 … N. P(1|1)·s₁/π, with P(1|1) = P₁·π / Σ_h P_h·H(1; N, h, n).

    P_h is the share of sample classes of size h, taken for that of the population; H the hypergeometric chance that one
    of h records is drawn. Zayatz, "Estimation of the percent of unique population elements", US Census SRD 91/08 (1991).
    """
    n, population, present, counts = _shape(sizes, fraction)
    if not counts[present == 1].sum():
        return 0.0
    log_chance = _hypergeometric_one(present, population, n)
    joint = np.log(counts / counts.sum()) + log_chance
    given = float(np.exp(joint[present == 1][0] - logsumexp(joint)))
    return float(counts[present == 1][0]) / fraction * given


def pitman(sizes: Integers, fraction: float) -> float:
    """Expected population uniques, 0 … N, of Pitman's sampling formula with (θ, α) by maximum likelihood.

    E s₁ = Γ(θ+1)/Γ(θ+α) · N·Γ(θ+α+N-1)/Γ(θ+N), ≈ Γ(θ+1)/Γ(θ+α)·N^α. Log likelihood: Σ_{i<u} log(θ+iα)
    - Σ_{i<n} log(θ+i) + Σ_j s_j Σ_{i<j} log(i-α). Hoshino, "Applying Pitman's sampling formula to microdata disclosure
    risk assessment", J. Official Statistics 17 (2001).
    """
    n, population, present, counts = _shape(sizes, fraction)
    if not counts[present == 1].sum():
        return 0.0
    steps = np.arange(1, int(counts.sum()))

    def cost(x: Floats) -> float:
        theta, alpha = _parameters(x)
        pieces = np.log(theta + steps * alpha).sum() - gammaln(theta + n) + gammaln(theta + 1)
        return -float(pieces + counts @ (gammaln(present - alpha) - gammaln(1 - alpha)))

    best = _smallest(cost, [(0.0, -2.0), (np.log(n), 0.0), (np.log(n), -4.0), (2.0, 2.0)])
    theta, alpha = _parameters(best)
    # Γ(θ+α+N-1)/Γ(θ+N) by the beta function, which keeps its digits where both are huge
    log_ratio = betaln(theta + alpha + population - 1, 1 - alpha) - gammaln(1 - alpha)
    log_uniques = gammaln(theta + 1) - gammaln(theta + alpha) + np.log(population) + log_ratio
    return float(min(np.exp(log_uniques), population))


def slide_negative_binomial(sizes: Integers, fraction: float) -> float:
    """Expected population uniques, 0 … N, when a class has 1 + NB(α, p) persons and each is drawn with chance π.

    A sample class then has size j with chance (1-π)·NB(j; α, q) + π·NB(j-1; α, q), q = p/(p + π(1-p)); (α, p) by maximum
    likelihood given j > 0; uniques = u / (1 - P(0)) · p^α. Chen & Keller-McNulty, "Estimation of identification
    disclosure risk in microdata", J. Official Statistics 14 (1998).
    """
    _, population, present, counts = _shape(sizes, fraction)
    if not counts[present == 1].sum():
        return 0.0

    def unseen(alpha: float, p: float) -> float:
        return (1 - fraction) * float(np.exp(_negative_binomial(np.array([0]), alpha, p / (p + fraction * (1 - p)))[0]))

    def cost(x: Floats) -> float:
        alpha, p = _parameters(x)
        q = p / (p + fraction * (1 - p))
        none_drawn = np.log1p(-fraction) if fraction < 1 else -np.inf
        log_chance = np.logaddexp(none_drawn + _negative_binomial(present, alpha, q), np.log(fraction) + _negative_binomial(present - 1, alpha, q))
        return -float(counts @ log_chance - counts.sum() * np.log1p(-unseen(alpha, p)))

    best = _smallest(cost, [(0.0, 0.0), (-2.0, -2.0), (-4.0, -5.0), (1.0, 2.0)])
    alpha, p = _parameters(best)
    classes = counts.sum() / (1 - unseen(alpha, p))
    return float(min(classes * p**alpha, population))


def population_uniques(sizes: Integers, fraction: float) -> dict[str, Any]:
    """All three estimates as numbers of persons, and the one chosen: Pitman where π ≤ 0.1, else the smaller of Zayatz and SNB.

    ``share_of_sample_uniques``: chance, in [0, 1], that a sample unique is unique in the population (chosen estimate · π / s₁).
    The rule is that of Dankar et al., "Estimating the re-identification risk of clinical data sets", BMC MIDM 12 (2012).
    With π = 1 the sample is the population and its own uniques are the answer.
    """
    n, population, *_ = _shape(sizes, fraction)
    uniques = int((sizes == 1).sum())
    named = {"zayatz": zayatz, "pitman": pitman, "snb": slide_negative_binomial}
    estimates = {name: float(uniques) if fraction == 1 else model(sizes, fraction) for name, model in named.items()}
    chosen = "pitman" if fraction <= 0.1 else min(("zayatz", "snb"), key=lambda name: estimates[name])
    share = estimates[chosen] * fraction / uniques if uniques else 0.0
    return {
        "sampling_fraction": fraction,
        "population": round(population),
        "sample_uniques": uniques,
        "estimates": {name: round(value, 1) for name, value in estimates.items()},
        "chosen": chosen,
        "population_uniques": round(estimates[chosen], 1),
        "share_of_population": round(estimates[chosen] / population, 9) if n else 0.0,
        "share_of_sample_uniques": round(min(share, 1.0), 6),
    }


def record_risk(sizes: Integers, fraction: float) -> Floats:
    """(class,) E[1/F | f], in (0, 1]: the chance to hit a record of a class with f in the sample and F in the population.

    F - f is negative binomial with f and π; E = ∫₀¹ u^(f-1)·π/(π + (1-π)u) du, π where f = 1 written out: -π·ln π/(1-π).
    Benedetti & Franconi, "Statistical and technological solutions for controlled data dissemination" (1998).
    """
    _shape(sizes, fraction)
    if fraction == 1:
        return np.asarray(1 / sizes, dtype=np.float64)
    present, back = np.unique(sizes, return_inverse=True)
    nodes, weights = np.polynomial.legendre.leggauss(200)
    u, w = (nodes + 1) / 2, weights / 2
    kernel = w * fraction / (fraction + (1 - fraction) * u)
    risks = np.array([float(kernel @ u ** (min(f, 300) - 1)) if f <= 300 else fraction / f for f in present])
    risks[present == 1] = -fraction * np.log(fraction) / (1 - fraction)
    return np.asarray(risks[back], dtype=np.float64)


def attackers(sizes: Integers, fraction: float, *, threshold: float = 0.2) -> dict[str, float]:
    """Risks of the three attackers, each in [0, 1]; El Emam & Dankar, JAMIA 2008, El Emam, "Guide to de-identification" (2013).

    ``prosecutor_max`` 1 / smallest class (knows the target is in the file); ``journalist_max``: largest :func:`record_risk`
    (knows only the population); ``marketer``: mean record risk (wants as many as possible); ``records_above``: share of
    records whose risk for the journalist is over ``threshold``. With π = 1 journalist and prosecutor are one.
    """
    if not len(sizes):
        return {"prosecutor_max": 0.0, "journalist_max": 0.0, "marketer": 0.0, "records_above": 0.0, "threshold": threshold}
    risks, total = record_risk(sizes, fraction), int(sizes.sum())
    return {
        "prosecutor_max": round(1 / int(sizes.min()), 9),
        "journalist_max": round(float(risks.max()), 9),
        "marketer": round(float(risks @ sizes) / total, 9),
        "records_above": round(int(sizes[risks > threshold].sum()) / total, 9),
        "threshold": threshold,
    }


def _shape(sizes: Integers, fraction: float) -> tuple[int, float, Floats, Floats]:
    """n, N, the class sizes that occur and how many classes have each."""
    if not 0 < fraction <= 1:
        raise ValueError("a sampling fraction lies above 0 and at most at 1")
    if not (sizes > 0).all():
        raise ValueError("every class has at least one record")
    present, counts = np.unique(sizes, return_counts=True)
    n = int(sizes.sum())
    return n, n / fraction, present.astype(np.float64), counts.astype(np.float64)


def _hypergeometric_one(h: Floats, population: float, n: int) -> Floats:
    """log P(one of a class of h is among n drawn of N) = log(h) + log C(N-h, n-1) - log C(N, n)."""
    rest = np.maximum(population - h, 0)
    possible = rest >= n - 1
    chosen = gammaln(rest + 1) - gammaln(n) - gammaln(np.maximum(rest - n + 1, 0) + 1)
    everything = gammaln(population + 1) - gammaln(n + 1) - gammaln(population - n + 1)
    return np.where(possible, np.log(h) + chosen - everything, -np.inf)


def _negative_binomial(x: Floats | Integers, alpha: float, q: float) -> Floats:
    """log NB(x; α, q) = log Γ(x+α)/(Γ(α) x!) + α log q + x log(1-q)."""
    return np.asarray(gammaln(x + alpha) - gammaln(alpha) - gammaln(x + 1.0) + alpha * np.log(q) + x * np.log(max(1 - q, 1e-300)))


def _parameters(x: Floats) -> tuple[float, float]:
    """A parameter above 0 and one between 0 and 1, short of where their likelihoods lose all digits."""
    return float(np.exp(np.clip(x[0], -20, 25))), float(expit(np.clip(x[1], -15, 15)))


def _smallest(cost: Callable[[Floats], float], starts: list[tuple[float, float]]) -> Floats:
    options = {"xatol": 1e-6, "fatol": 1e-8, "maxiter": 2000}
    found = [minimize(cost, np.array(start), method="Nelder-Mead", options=options) for start in starts]
    return np.asarray(min(found, key=lambda result: float(result.fun)).x, dtype=np.float64)
