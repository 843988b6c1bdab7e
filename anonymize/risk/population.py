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
from scipy.special import betaln, expit, gammaln, hyp2f1, logsumexp

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
    theta, alpha = _pitman_parameters(n, present, counts)
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


def _pitman_parameters(n: int, present: Floats, counts: Floats) -> tuple[float, float]:
    """(θ, α) of greatest likelihood; see :func:`pitman`."""
    classes = float(counts.sum())

    def cost(x: Floats) -> float:
        theta, alpha = _parameters(x)
        # Σ_{0<i<u} log(θ+iα) = (u-1)·log α + log Γ(θ/α+u) - log Γ(θ/α+1), by the beta function for the digits' sake
        joined = (classes - 1) * np.log(alpha) + gammaln(classes - 1) - betaln(theta / alpha + 1, classes - 1) if classes > 1 else 0.0
        pieces = joined - gammaln(theta + n) + gammaln(theta + 1)
        return -float(pieces + counts @ (gammaln(present - alpha) - gammaln(1 - alpha)))

    return _parameters(_smallest(cost, [(0.0, -2.0), (np.log(n), 0.0), (np.log(n), -4.0), (2.0, 2.0)]))


def population_uniques(sizes: Integers, fraction: float) -> dict[str, Any]:
    """All three estimates as numbers of persons, and the one chosen: Pitman where π ≤ 0.1, else the smaller of Zayatz and SNB.

    On people drawn from made-up crowds ``share_of_sample_uniques`` was within 0.2 of the truth, mostly above it; where the population
    has next to no uniques, the estimate may be many times theirs.

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

    In the urn of Pitman's formula F - f is beta binomial, N - n draws with f-α against n+θ-f+α; for large samples negative
    binomial with f - α and ρ = (n+θ)/(N+θ); (θ, α) by maximum likelihood. See :func:`one_over`. With θ = α = 0 it is the estimate
    of Benedetti & Franconi, "Statistical and technological solutions for controlled data dissemination" (1998), which takes small
    classes of the sample for parts of large ones and understates the risk where the population's are small (14 times on a
    sparse one at π = 0.01). Pitman, "Some developments of the Blackwell-MacQueen urn scheme" (1996); Hoshino (2001).
    """
    n, population, present, counts = _shape(sizes, fraction)
    if fraction == 1:
        return np.asarray(1 / sizes, dtype=np.float64)
    theta, alpha = _pitman_parameters(n, present, counts) if n else (0.0, 0.0)
    risks = one_over(present, alpha, (n + theta) / (population + theta) if n else fraction)
    return np.asarray(risks[np.searchsorted(present, sizes)], dtype=np.float64)


def one_over(f: Floats, alpha: float, rho: float) -> Floats:
    """E[1/(f + X)] for X negative binomial with f - α and ρ: Σ_x C(x+f-α-1, x) ρ^(f-α) (1-ρ)^x / (f+x); f ≥ 1, 0 ≤ α < 1, 0 < ρ < 1.

    ∫₀¹ w^(f-1)·ρ·(ρ + (1-ρ)w)^(-1-α) dw = ρ/f · ₂F₁(1, 1+α; f+1; 1-ρ); at f = 1: ρ/(1-ρ) · (ρ^-α - 1)/α, -ρ·ln ρ/(1-ρ) for α = 0.
    """
    found = np.asarray(rho / f * hyp2f1(1, 1 + alpha, f + 1, 1 - rho), dtype=np.float64)
    steps = np.expm1(-alpha * np.log(rho)) / alpha if alpha > 0 else -np.log(rho)
    found[f == 1] = rho / (1 - rho) * steps
    return np.minimum(found, 1 / f)


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
