"""Draws in a process of its own: JSON on standard input, JSON on standard output."""

import json
import sys

from anonymize.pictures.frontier import frontier_chart

if __name__ == "__main__":
    asked = json.load(sys.stdin)
    drawn = {name: frontier_chart(asked["points"], width, asked.get("words")) for name, width in asked["widths"].items()}
    json.dump(drawn, sys.stdout)
