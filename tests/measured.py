"""Figures as the engine measures them, for tests of pages: an assessment of microdata, and points of a comparison.

Made up, but of the shape that ``anonymize.assess`` and ``anonymize.frontier`` give; a test compares the shapes.
"""

from __future__ import annotations

from typing import Any

BINS = ((1, 1), (2, 2), (3, 4), (5, 9), (10, 19), (20, 49), (50, 99), (100, 999), (1000, None))


def rate(value: float, trials: int = 1000, half: float = 0.03) -> dict[str, Any]:
    return {"successes": value * trials, "trials": trials, "value": value, "lower": max(value - half, 0), "upper": min(value + half, 1)}


def fared(right: float, guessed: float, control: float | None = None) -> dict[str, Any]:
    risk = {"value": max(right - (control or guessed), 0), "lower": 0.0, "upper": 0.1, "beyond": "baseline" if control is None else "control"}
    return {"attack": rate(right), "baseline": rate(guessed), "control": None if control is None else rate(control), "risk": risk}


def _side(rows: tuple[int, ...], *, smallest: int) -> dict[str, Any]:
    histogram = [{"from": a, "to": b, "classes": n // a, "records": n} for (a, b), n in zip(BINS, rows, strict=True)]
    whole = sum(rows)
    alone = rows[0] / whole
    attackers = {
        "prosecutor_max": 1 / smallest, "journalist_max": 1 / smallest, "marketer": 0.4 / smallest, "records_above": sum(rows[:3]) / whole,
        "threshold": 0.2,
    }  # fmt: skip
    population = {
        "sampling_fraction": 1.0, "population": whole, "sample_uniques": rows[0], "estimates": {}, "chosen": "zayatz",
        "population_uniques": float(rows[0]), "share_of_population": alone, "share_of_sample_uniques": 1.0,
    }  # fmt: skip
    return {
        "classes": sum(h["classes"] for h in histogram), "records": whole, "smallest": smallest, "average": 3.0, "prosecutor_max": 1 / smallest,
        "prosecutor_average": 0.4 / smallest, "uniques": rows[0], "records_unique": alone, "records_below_k": sum(rows[:3]) / whole,
        "histogram": histogram, "attackers": attackers, "population": population,
    }  # fmt: skip


BEFORE = {
    **_side((11_700, 4_200, 4_500, 5_000, 4_200, 6_400, 3_200, 800, 0), smallest=1),
    "standing_out": {
        "unique": 0.293,
        "columns": [
            {"column": "age", "distinct": 72, "bits": 5.8, "unique_alone": 0.0, "unique_without": 0.066},
            {"column": "district", "distinct": 25, "bits": 4.5, "unique_alone": 0.0, "unique_without": 0.134},
        ],
        "pairs": [{"columns": ["age", "district"], "unique_alone": 0.019}],
    },
}  # fmt: skip
_SECRET = {
    "least_distinct": 1, "least_entropy": 1.0, "records_homogeneous": 0.335, "likeliest": 0.597, "likeliest_whole": 0.137, "skew_max": 0.93,
    "skew_mean": 0.52, "gain_max": 12.4,
}  # fmt: skip
_NONE = rate(0.0, half=0.004)


def assessment(**changes: Any) -> dict[str, Any]:
    """Of 40,000 rows about events, k = 5, one sensitive column; with every part that there can be."""
    risk = {"before": BEFORE, "after": _side((0, 0, 0, 1_300, 1_600, 3_500, 3_000, 16_000, 14_600), smallest=5), "standing_out": BEFORE["standing_out"]}
    made = {
        "assessment": 1,
        "made": True,
        "rows": {"original": 40_000, "release": 40_000, "suppressed": 0},
        "persons": 9_000,
        "columns": {"quasi_identifiers": ["age", "district"], "sensitive": ["answer"], "attacked": ["age", "district", "answer"]},
        "person_key_published": False,
        "effort": {"targets": 300, "queries": 500, "model_rows": 5_000},
        "risk": risk,
        "sensitive": {"answer": {"before": _SECRET, "after": {**_SECRET, "records_homogeneous": 0.0, "likeliest": 0.305, "least_distinct": 2}}},
        "unicity": {
            "unit": "person", "persons": 9_000, "before": [rate(v) for v in (0.01, 0.69, 0.94, 0.99, 1.0)],
            "after": [rate(v) for v in (0.0, 0.36, 0.77, 0.92, 0.98)], "point": {"before": rate(0.01), "after": rate(0.0)}, "rows_explained": 1.0,
        },
        "attacks": {
            "singling_out": fared(0.082, 0.025, 0.071), "linkability": fared(0.002, 0.001, 0.001), "inference": {"answer": fared(0.194, 0.161, 0.187)},
            "linkage": {"1": fared(0.0, 0.0, 0.0), "2": fared(0.015, 0.0, 0.002)},
        },
        "method": {
            "full_domain": True, "chosen_from_data": True,
            "minimality": {
                "levels": {"age": 1, "district": 1}, "classes": 820, "argues": True, "gain": 0.06, "gain_max": 0.28, "claims": rate(1.0, 4), "claims_before": rate(1.0, 4),
                "learnt": 3,
            },
            "refinement": {
                "classes": 820, "overlapping_pairs": 0, "bounded": {"pairs": 0, "programs": 0, "programs_used_up": False},
                "overlapping": _NONE, "downcoded": _NONE, "closed": 0.0, "bits": 0.0, "one_class_before": _NONE, "one_class_after": _NONE,
                "refuted": {"pairs": 0, "persons": _NONE},
                "secrets": {"answer": {"narrowed": _NONE, "pinned_before": _NONE, "pinned_after": _NONE, "pinned_right": rate(0.0, 0)}},
            },
            "downcoding": {
                "guess": {**fared(0.61, 0.6), "unit": "person"}, "claims": rate(1.0, 4), "claims_before": rate(1.0, 4), "learnt": 0, "learnt_right": rate(0.0, 0),
                "several": 0,
            },
        },
        "utility": {
            "granularity": 0.822, "entropy_loss": 0.31, "average_class_size": 49.0, "normalised_class_size": 9.8, "discernibility": 1_000_000,
            "columns": [
                {"column": "age", "loss": 0.228, "entropy_loss": 0.31, "distance": 0.13}, {"column": "district", "loss": 0.396, "entropy_loss": 0.42, "distance": 0.2},
                {"column": "answer", "loss": 0.0, "entropy_loss": 0.0, "distance": 0.0},
            ],
            "two_way": {"mean": 0.25, "pairs": [{"columns": ["age", "district"], "distance": 0.36}, {"columns": ["age", "answer"], "distance": 0.27}]},
            "models": {
                "answer": {
                    "from_original": {"accuracy": 0.321, "balanced": 0.24, "commonest": 0.137}, "from_release": {"accuracy": 0.276, "balanced": 0.2, "commonest": 0.137},
                    "rows": {"original": 15_000, "release": 15_000, "tested": 15_000},
                }
            },
        },
        "notes": ["These are exact figures about the original: for the officer, not for publication."],
    }  # fmt: skip
    return {**made, **changes}


def point(method: str, k: int, l: int | None, kept: float, risk: float, *, efficient: bool = False, **changes: Any) -> dict[str, Any]:  # noqa: E741
    name = f"{method} k={k}" + ("" if l is None else f" l={l}")
    return {
        "name": name, "method": method, "k": k, "l": l, "met": True, "reason": None, "proven_optimal": method == "full_domain", "granularity": kept,
        "suppressed_share": 0.04 if method == "full_domain" else 0.0, "smallest_class": k, "average_class_size": 1 / risk, "highest_risk": 1 / k,
        "average_risk": risk, "records_at_risk": 0.0, "entropy_loss": 1 - kept, "efficient": efficient, **changes,
    }  # fmt: skip


POINTS = (
    point("full_domain", 3, None, 0.86, 0.021, efficient=True),
    point("full_domain", 5, None, 0.73, 0.014),
    point("full_domain", 10, None, 0.74, 0.006, efficient=True),
    point("local_recoding", 3, None, 0.93, 0.11, efficient=True),
    point("local_recoding", 5, None, 0.91, 0.07, efficient=True),
    point("local_recoding", 10, None, 0.87, 0.04, met=False, reason="k = 10 asks for more persons than a class can have"),
)
