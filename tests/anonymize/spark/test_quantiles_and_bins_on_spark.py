"""Trees of counts, and numbers in bins, on Spark."""

from __future__ import annotations

from tests.anonymize.aggregates.test_bins_and_domains import (  # noqa: F401 - asked of this folder's engine
    test_decimals_fall_where_exact_arithmetic_puts_them,
    test_floats_fall_where_the_shortest_decimal_that_names_them_does,
    test_floats_that_are_not_finite_are_in_no_bin,
    test_integers_fall_where_exact_arithmetic_puts_them,
)
from tests.anonymize.aggregates.test_quantiles import (  # noqa: F401
    test_trees_are_counted_from_the_very_rows_that_the_other_measures_are,
)
