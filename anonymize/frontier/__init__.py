"""Risk against usefulness of several settings, so that a steward chooses by looking."""

from anonymize.frontier.chooser import frontier
from anonymize.frontier.words import to_markdown

__all__ = ["frontier", "to_markdown"]
