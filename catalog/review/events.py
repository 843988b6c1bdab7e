"""What this room tells those above it, which register for it: no room imports one above itself."""

from django.dispatch import Signal

approved = Signal()
"""Sent inside the deciding transaction with ``review``: what a receiver writes is committed together with the decision."""
