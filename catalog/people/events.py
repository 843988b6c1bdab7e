"""What this room tells those above it, which register for it: no room imports one above itself."""

from django.dispatch import Signal

may_less = Signal()
"""Sent inside the transaction in which somebody lost a role, a mandate or their account, with ``user`` and ``by``: what a
receiver changes is committed together with the loss."""
