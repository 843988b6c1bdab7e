"""What releases about the same people add up to: composition of privacy losses.

A release is one :class:`Loss`: the (ε, δ) that it keeps alone, and, where more is known, the :class:`Part`\\ s that it is
made of. Several compose by three rules, each valid by itself, for each total δ that is allowed:

*sum*   ε and δ add up (Dwork et al. 2006, "Our Data, Ourselves", theorem 1);
*zcdp*  ρ adds up (Bun & Steinke 2016), and is read as (ε, δ) by Canonne, Kamath & Steinke 2020, proposition 12;
*pld*   privacy loss distributions are convolved (Sommer, Meiser & Mohammadi 2019; Koskela, Jälkö & Honkela 2020), by the
        package dp-accounting, rounded upwards.

The smallest is booked, but up to three releases just add up, and a sum that anybody can check by hand is preferred to a
saving of less than one part in a hundred.
The first two also hold when the parameters of later releases are chosen after seeing earlier ones (Rogers et al. 2016;
Feldman & Zrnic 2021); for the third that is not proven in general, see docs/explanation/known-holes.md.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Context, Decimal, localcontext
from typing import Any, Literal, Self, TypeAlias

from anonymize.errors import PrivacyNotMet

Kind: TypeAlias = Literal["approximate", "discrete_laplace", "discrete_gaussian", "zcdp"]
Rule: TypeAlias = Literal["sum", "zcdp", "pld"]

Unit: TypeAlias = Literal["person", "person_day", "person_week", "person_month"]
"""What is protected as one: all that a person did, or what a person did within a period."""

PLACES = 12  # ε is rounded up to this many digits after the point
FEW = 3
WORTH = Decimal("0.99")  # a rule that cannot be checked by hand must save at least a hundredth
MARGIN = 1e-9  # relative, far above the rounding of doubles: floats are moved up by it
INTERVAL = 1e-4  # width of the grid of privacy losses
LARGEST_SUM = 100  # beyond this plain sum, loss distributions are large and say nothing worth having
LARGEST_SHIFT = 100_000  # of noise on integers whose loss distribution is computed exactly
LARGEST_SIGMA = 20_000
_UP = Context(prec=60, rounding=ROUND_CEILING)


@dataclass(frozen=True, slots=True)
class Part:
    """One ingredient of a release, for one unit of privacy more or less.

    ``approximate``: (``epsilon``, ``delta``) and nothing more is known. ``discrete_laplace``, ``discrete_gaussian``: at
    most ``count`` numbers change, each by at most the integer ``shift``, and each has noise of scale, or of σ, ``noise``.
    Both are log-concave, so that a shift by less loses less, and the loss of a vector is the sum over its numbers. One
    number that changes by a + b loses no less than two that change by a and by b: the best test between X and X + a + b is
    a threshold, which is also the best between X and X + a and between X + a and X + a + b, so that its trade-off is that
    of the two steps one after the other; and no test of two numbers does better than two steps, one number at a time
    (group privacy, Dong, Roth & Su 2022, theorem 2.14). So a change that may be spread over more numbers is covered by the
    fewest that can hold it.
    ``zcdp``: ρ = ``rho``. Every part may fail with ``delta`` beside.
    """

    kind: Kind
    epsilon: Decimal = Decimal(0)
    delta: Decimal = Decimal(0)
    rho: Decimal = Decimal(0)
    noise: Decimal = Decimal(0)
    shift: int = 0
    count: int = 0

    def __post_init__(self) -> None:
        if not (0 <= self.delta < 1 and all(getattr(self, name) > 0 for name in _NEEDED[self.kind])):
            raise PrivacyNotMet(f"a part {self.kind} of a privacy loss lacks what it is computed from")

    @property
    def pure(self) -> Decimal | None:
        """ε of the part but for its δ; ``None`` where no finite one holds."""
        if self.kind == "approximate":
            return self.epsilon
        if self.kind == "discrete_laplace":
            return _UP.divide(Decimal(self.shift * self.count), self.noise)
        return None

    @property
    def concentrated(self) -> Decimal:
        """ρ of zero-concentrated privacy but for its δ: ε²/2 a number of pure ε, shift²/2σ² a number of Gaussian noise."""
        if self.kind == "zcdp":
            return self.rho
        if self.kind == "approximate":
            return _UP.divide(_UP.multiply(self.epsilon, self.epsilon), Decimal(2))
        each = _UP.divide(Decimal(self.shift), self.noise)
        return _UP.divide(_UP.multiply(_UP.multiply(each, each), Decimal(self.count)), Decimal(2))

    def as_dict(self) -> dict[str, Any]:
        """JSON values; exact numbers as strings."""
        kept: dict[str, Any] = {"kind": self.kind}
        for name in ("epsilon", "delta", "rho", "noise"):
            if value := getattr(self, name):
                kept[name] = format(value, "f")
        return kept | ({"shift": self.shift, "count": self.count} if self.count else {})

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`as_dict`. Raises :class:`PrivacyNotMet` for what is no part."""
        try:
            exact = {name: Decimal(str(kept[name])) for name in ("epsilon", "delta", "rho", "noise") if name in kept}
            return cls(kept["kind"], shift=int(kept.get("shift", 0)), count=int(kept.get("count", 0)), **exact)
        except (KeyError, ValueError, ArithmeticError, TypeError):
            raise PrivacyNotMet("a privacy loss that was kept cannot be read: nothing may be spent before it is") from None


_NEEDED: Mapping[Kind, tuple[str, ...]] = {
    "approximate": ("epsilon",),
    "discrete_laplace": ("noise", "shift", "count"),
    "discrete_gaussian": ("noise", "shift", "count"),
    "zcdp": ("rho",),
}


@dataclass(frozen=True, slots=True)
class Loss:
    """What one release may give away of one unit: (``epsilon``, ``delta``) on its own, and what it is made of.

    ``covers``: the days, the last one exclusive, outside of which no row counts, where the recipe declares them and the
    unit is a person's period: it says nothing of any other period.
    """

    epsilon: Decimal
    delta: Decimal = Decimal(0)
    parts: tuple[Part, ...] = ()
    unit: Unit = "person"
    covers: tuple[dt.date, dt.date] | None = None

    def __post_init__(self) -> None:
        if not (self.epsilon > 0 and self.epsilon.is_finite() and 0 <= self.delta < 1):
            raise PrivacyNotMet("a privacy loss needs 0 < epsilon < infinity and 0 <= delta < 1")

    @property
    def known(self) -> tuple[Part, ...]:
        """Its parts, or (ε, δ) as the one part."""
        return self.parts or (Part("approximate", self.epsilon, self.delta),)


@dataclass(frozen=True, slots=True)
class Total:
    """(``epsilon``, ``delta``) of everything together, and the rule it is booked by; ``by_rule``: what each rule gives."""

    epsilon: Decimal
    delta: Decimal
    rule: Rule
    by_rule: tuple[tuple[Rule, Decimal], ...] = ()


def compose(losses: Iterable[Loss], allowed: Decimal, *, with_distributions: bool = True) -> Total | None:
    """The smallest (ε, δ) with δ ≤ ``allowed`` that all releases keep together; ``None`` where no rule gives one.

    ``with_distributions``: also by the loss distributions, which take a tenth of a second a kind of release.
    """
    given = tuple(losses)
    if not given:
        return Total(Decimal(0), Decimal(0), "sum")
    found: list[Total] = []
    if plain := _sum(given, allowed):
        found.append(plain)
        if len(given) <= FEW:
            return plain
    parts = Counter(part for loss in given for part in loss.known)
    left = allowed - sum((part.delta * n for part, n in parts.items()), Decimal(0))
    if left > 0:
        found.append(Total(_zcdp(parts, left), allowed, "zcdp"))
        if with_distributions and (epsilon := _pld(parts, allowed)) is not None:
            found.append(Total(epsilon, allowed, "pld"))
    if not found:
        return None
    best = min(found, key=lambda total: total.epsilon)
    chosen = plain if plain and not best.epsilon < plain.epsilon * WORTH else best
    return Total(chosen.epsilon, chosen.delta, chosen.rule, tuple((total.rule, total.epsilon) for total in found))


def _sum(losses: Sequence[Loss], allowed: Decimal) -> Total | None:
    epsilon = sum((loss.epsilon for loss in losses), Decimal(0))
    delta = sum((loss.delta for loss in losses), Decimal(0))
    return Total(epsilon, delta, "sum") if delta <= allowed else None


# --- zero-concentrated privacy -----------------------------------------------------------------------------------


def _zcdp(parts: Mapping[Part, int], delta: Decimal) -> Decimal:
    with localcontext(_UP):
        rho = sum((part.concentrated * n for part, n in parts.items()), Decimal(0))
    return epsilon_of_rho(rho, delta)


def epsilon_of_rho(rho: Decimal, delta: Decimal) -> Decimal:
    """ε with which a ρ-zCDP release is (ε, δ)-private, ρ > 0, 0 < δ < 1; never too small.

    min over α > 1 of αρ + ln(1/(αδ))/(α - 1) + ln(1 - 1/α) (Canonne, Kamath & Steinke 2020, proposition 12). Any α is
    valid, so that the search for the best one need not be exact.
    """
    if not (rho > 0 and 0 < delta < 1):
        raise PrivacyNotMet("concentrated privacy is read as (ε, δ) for ρ above 0 and δ between 0 and 1")
    r, log_delta = float(rho), math.log(float(delta))

    def at(x: float) -> float:  # α = 1 + e^x
        alpha = 1 + math.exp(x)
        return alpha * r - (math.log(alpha) + log_delta) / (alpha - 1) + math.log1p(-1 / alpha)

    low, high = -20.0, 30.0
    for _ in range(200):  # ternary search: the bound falls, then rises
        third = (high - low) / 3
        low, high = (low, high - third) if at(low + third) < at(high - third) else (low + third, high)
    return _rounded_up(max(at((low + high) / 2), 0.0))


def rho_of_epsilon(epsilon: Decimal, delta: Decimal) -> Decimal:
    """The largest ρ, to twelve digits, whose :func:`epsilon_of_rho` is at most ``epsilon``; 0 < δ < 1."""
    low, high = Decimal(0), epsilon + 1  # ρ ≤ ε would be enough: ε of ρ is above ρ but for the last logarithm
    with localcontext(prec=40):
        for _ in range(120):
            middle = (low + high) / 2
            low, high = (middle, high) if middle > 0 and epsilon_of_rho(middle, delta) <= epsilon else (low, middle)
    if not low > 0:
        raise PrivacyNotMet("epsilon and delta leave nothing for noise of concentrated privacy")
    return +Context(prec=PLACES, rounding="ROUND_FLOOR").plus(low)


def _rounded_up(epsilon: float) -> Decimal:
    if not epsilon < math.inf:
        raise PrivacyNotMet("a privacy loss is beyond all bounds")
    return Decimal(epsilon * (1 + MARGIN) + 1e-12).quantize(Decimal(1).scaleb(-PLACES), context=_UP)


# --- privacy loss distributions ----------------------------------------------------------------------------------


def load_distributions() -> None:
    """Load what computes loss distributions, which takes seconds the first time: best done before a ledger is locked."""
    from dp_accounting.pld import privacy_loss_distribution  # noqa: F401


def _pld(parts: Mapping[Part, int], allowed: Decimal) -> Decimal | None:
    """ε at δ = ``allowed``; ``None`` where a part's distribution is not computed or the losses are too large for it."""
    reach = sum(_reach(part) * n for part, n in parts.items())
    if not (reach <= LARGEST_SUM and all(_has_distribution(part) for part in parts)):
        return None
    from dp_accounting.pld import common
    from dp_accounting.pld import privacy_loss_distribution as distributions

    def failing(delta: Decimal) -> Any:
        # ε = 0 and δ: the release that fails with a chance of δ and tells nothing otherwise
        return distributions.from_privacy_parameters(common.DifferentialPrivacyParameters(0.0, _above(delta)), INTERVAL)

    def of(part: Part) -> Any:
        match part.kind:
            case "approximate":
                asked = common.DifferentialPrivacyParameters(_above(part.epsilon), _above(part.delta))
                return distributions.from_privacy_parameters(asked, INTERVAL)
            case "discrete_laplace":
                rate = _above(_UP.divide(Decimal(1), part.noise))
                one = distributions.from_discrete_laplace_mechanism(rate, part.shift, **_GRID)
            case _:
                one = distributions.from_discrete_gaussian_mechanism(_below(part.noise), part.shift, **_GRID)
        whole = one.self_compose(part.count)
        return whole.compose(failing(part.delta)) if part.delta else whole

    total = None
    for part, n in parts.items():
        several = of(part).self_compose(n)
        total = several if total is None else total.compose(several)
    epsilon = float(total.get_epsilon_for_delta(float(allowed) * (1 - 1e-6))) if total is not None else math.inf
    return _rounded_up(epsilon + 1e-6) if epsilon < math.inf else None


_GRID: Mapping[str, Any] = {
    "value_discretization_interval": INTERVAL,
    "use_connect_dots": True,  # Doroshenko et al. 2022: pessimistic too, and closer
}


def _has_distribution(part: Part) -> bool:
    if part.kind == "zcdp":
        return False
    return part.kind == "approximate" or (part.shift <= LARGEST_SHIFT and part.noise <= LARGEST_SIGMA)


def _reach(part: Part) -> float:
    """Roughly the largest loss that its distribution stretches to: ε, or of Gaussian noise the loss seven σ out."""
    if part.pure is not None:
        return float(part.pure)
    rho = float(part.concentrated)
    return rho + 7 * math.sqrt(2 * rho)


def _above(number: Decimal) -> float:
    """A double not below ``number``."""
    nearest = float(number)
    return nearest if Decimal(nearest) >= number else math.nextafter(nearest, math.inf)


def _below(number: Decimal) -> float:
    """A double not above ``number``."""
    nearest = float(number)
    return nearest if Decimal(nearest) <= number else math.nextafter(nearest, 0.0)
