"""Draws in a process of its own: JSON on standard input, JSON on standard output."""

import json
import sys

from anonymize.pictures.forecast import forecast_chart
from anonymize.pictures.frontier import frontier_chart

if __name__ == "__main__":
    asked = json.load(sys.stdin)
    draw, what = (forecast_chart, asked["lines"]) if "lines" in asked else (frontier_chart, asked["points"])
    drawn = {name: draw(what, width, asked.get("words")) for name, width in asked["widths"].items()}
    json.dump(drawn, sys.stdout)
