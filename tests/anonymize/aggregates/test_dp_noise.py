"""The noise is of the right kind and the right size, and never the same twice.

Tests that draw are marked so, and say how seldom they fail a right sampler: ``ERROR`` of tests/chances.py, 10^-10, where
nothing else is said.
"""

from __future__ import annotations

import inspect
import multiprocessing
import random
from fractions import Fraction

import numpy as np
import pytest

from anonymize.aggregates import noise as noise_module
from anonymize.aggregates.laplace import half_width
from anonymize.aggregates.noise import Noise, add_noise, of_scale, of_variance
from anonymize.errors import PrivacyNotMet
from tests.chances import as_often, at_least, chance_of_passing

DRAWS = 20_000
CASES = [
    pytest.param(sampler, scale, id=f"{sampler}-{float(scale):g}")
    for sampler, scale in [
        ("diffprivlib", Fraction(1, 2)),
        ("diffprivlib", Fraction(3)),
        ("diffprivlib", Fraction(4096)),
        ("opendp", Fraction(1, 2)),
        ("opendp", Fraction(3)),
        ("opendp", Fraction(10**9)),
    ]
]


def _cdf(n: int, scale: float) -> float:
    """P[X ≤ n] of the discrete Laplace distribution."""
    a = np.exp(-1 / scale)
    return float(1 - a ** (n + 1) / (1 + a)) if n >= 0 else float(a**-n / (1 + a))


def _edges(scale: float, bins: int = 12) -> list[int]:
    return sorted({int(np.floor(scale * q)) for q in np.linspace(-2.5, 2.5, bins - 1)})


def _chances(edges: list[int], scale: float) -> np.ndarray:
    return np.diff([0.0, *(_cdf(edge, scale) for edge in edges), 1.0])


def fits(draws, scale: float) -> bool:
    """Each of some bins of about equal chance holds as many draws as the scale tells."""
    edges = _edges(scale)
    seen = np.histogram(draws, [-np.inf, *(edge + 0.5 for edge in edges), np.inf])[0]
    return as_often(seen, _chances(edges, scale), len(draws))


@pytest.mark.draws
@pytest.mark.parametrize(("sampler", "scale"), CASES)
def test_the_right_scale_is_accepted_and_one_30_percent_off_is_rejected(sampler, scale):
    values = np.full(DRAWS, 1000, dtype=np.int64)
    drawn = add_noise(values, of_scale(scale, sampler)) - values
    assert fits(drawn, float(scale))
    assert not fits(drawn, float(scale) * 1.3)
    assert not fits(drawn, float(scale) * 0.7)


@pytest.mark.parametrize("wrong", [0.7, 1.3])
@pytest.mark.parametrize("scale", [0.5, 3, 4096, 10**9])
def test_a_scale_30_percent_off_is_accepted_less_than_once_in_ten_thousand_million_times(scale, wrong):
    edges = _edges(scale * wrong)
    assert chance_of_passing(_chances(edges, scale * wrong), _chances(edges, scale), DRAWS) < 1e-10


@pytest.mark.draws
@pytest.mark.parametrize(("sampler", "scale"), CASES)
def test_intervals_cover_as_often_as_they_say(sampler, scale):
    """And those of a scale 30 % less do not, where they are narrower: they cover 0.88, more than twenty standard deviations less."""
    noise = of_scale(scale, sampler)
    drawn = np.abs(add_noise(np.zeros(DRAWS, dtype=np.int64), noise))
    assert np.sum(drawn <= half_width(noise.rate)) >= at_least(DRAWS, 0.95)
    if scale > 1:  # of less, both are ±1
        assert np.sum(drawn <= half_width(noise.rate / Fraction(7, 10))) < at_least(DRAWS, 0.95)


@pytest.mark.draws
def test_values_beyond_53_bits_keep_their_last_bit():
    """diffprivlib adds in floating point, where odd values do not exist up here.

    One of -1, 0 and 1 (0.17, 0.46, 0.17) missing among 2,000: below 10^-160. One beyond 40: 4,000·e^-40, below 10^-13.
    """
    values = np.full(2_000, 2**55 + 1, dtype=np.int64)
    for sampler in ("diffprivlib", "opendp"):
        drawn = add_noise(values, of_scale(Fraction(1), sampler)) - values
        assert set(np.unique(drawn)) >= {-1, 0, 1}
        assert np.abs(drawn).max() < 40


def test_a_value_that_could_leave_the_integers_is_refused():
    for value in (2**62, -(2**62), 2**62 - 60):
        with pytest.raises(PrivacyNotMet, match="64-bit"):
            add_noise(np.array([value], dtype=np.int64), of_scale(Fraction(1), "opendp"))


def test_no_values_need_no_noise():
    assert add_noise(np.array([], dtype=np.int64), of_scale(Fraction(1), "opendp")).size == 0


def test_the_logarithm_of_zero_is_drawn_again(monkeypatch):
    """Once in 2^53 draws diffprivlib's uniform is exactly one half and its result infinite."""
    from diffprivlib.mechanisms import Geometric

    uniforms = iter([0.5, 0.5, 0.9])

    class Half:
        def random(self) -> float:
            return next(uniforms)

    mechanism = Geometric(epsilon=1.0, random_state=None)
    mechanism._rng = Half()
    with np.errstate(divide="ignore"):
        assert isinstance(noise_module._one(mechanism), int)
    assert next(uniforms, None) is None


@pytest.mark.draws
def test_diffprivlib_draws_from_the_operating_system_never_from_a_seed(monkeypatch):
    """Fifty draws of scale 100 twice: equal by chance less than once in 10^100 runs."""
    import diffprivlib.mechanisms as mechanisms

    given = []
    real = mechanisms.Geometric
    monkeypatch.setattr(mechanisms, "Geometric", lambda **kw: given.append(kw["random_state"]) or real(**kw))
    np.random.seed(1)
    first = add_noise(np.zeros(50, dtype=np.int64), of_scale(Fraction(100), "diffprivlib"))
    np.random.seed(1)
    second = add_noise(np.zeros(50, dtype=np.int64), of_scale(Fraction(100), "diffprivlib"))
    assert len(given) == 2 and all(isinstance(source, random.SystemRandom) for source in given)
    assert first.tolist() != second.tolist()


def test_no_function_of_the_noise_takes_a_seed():
    names = {
        parameter
        for _, function in inspect.getmembers(noise_module, inspect.isfunction)
        for parameter in inspect.signature(function).parameters
    }
    assert not names & {"seed", "random_state", "rng"}


def test_a_leaking_mechanism_is_an_error_not_a_warning(monkeypatch):
    import warnings

    from diffprivlib.utils import PrivacyLeakWarning

    def leak(mechanism):
        warnings.warn("leak", PrivacyLeakWarning, stacklevel=1)
        return 0

    monkeypatch.setattr(noise_module, "_one", leak)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whatever the process says
        with pytest.raises(PrivacyLeakWarning):
            add_noise(np.zeros(1, dtype=np.int64), of_scale(Fraction(1), "diffprivlib"))


def _child(sampler: str) -> list[int]:
    return add_noise(np.zeros(20, dtype=np.int64), of_scale(Fraction(1000), sampler)).tolist()


@pytest.mark.draws
@pytest.mark.parametrize("sampler", ["diffprivlib", "opendp"])
def test_forked_workers_do_not_draw_the_same_noise(sampler):
    """Twenty draws of scale 1,000: equal by chance less than once in 10^60 runs."""
    _child(sampler)  # so that any state the parent has is there to be copied
    with multiprocessing.get_context("fork").Pool(2) as pool:
        one, other = pool.map(_child, [sampler, sampler], chunksize=1)
    assert one != other


@pytest.mark.draws
@pytest.mark.parametrize("noise", [of_scale(Fraction(1000), "opendp"), of_variance(Fraction(10**6))])
def test_draws_made_side_by_side_are_all_made_and_have_nothing_in_common(noise, monkeypatch):
    """One beyond its reach: 110·2^-99. Two of six pieces of ten and more draws equal: below 10^-30."""
    monkeypatch.setattr(noise_module, "_CHUNK", 20)
    values = np.arange(110, dtype=np.int64) * 10**9
    drawn = add_noise(values, noise) - values
    assert np.abs(drawn).max() <= noise.reach
    assert len({tuple(drawn[i : i + 20]) for i in range(0, 110, 20)}) == 6


def test_noise_knows_its_scale_and_reach():
    noise = Noise("opendp", Fraction(1, 4))
    assert noise.scale == 4.0
    assert noise.reach == 280
