"""How wrong a DP table will be, under its own settings and under others, said before anything is spent."""

from anonymize.forecast.forecaster import forecast
from anonymize.forecast.words import to_markdown

__all__ = ["forecast", "to_markdown"]
