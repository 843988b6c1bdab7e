"""Pictures of measurements, as SVG text: so that a choice is made by looking.

The JavaScript engine behind Vega takes 120 MB. A process that should stay small asks for a picture from one of its own:
``python -m anonymize.pictures`` reads a JSON document (points or lines, widths: name → px, words) and writes an SVG text
for each width: :func:`frontier_chart` of points, :func:`forecast_chart` of lines.
"""

from anonymize.pictures.forecast import forecast_chart
from anonymize.pictures.frontier import frontier_chart
from anonymize.pictures.standalone import standalone

__all__ = ["forecast_chart", "frontier_chart", "standalone"]
