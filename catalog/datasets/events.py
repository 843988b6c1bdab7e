"""What this room tells those above it, which register for it: no room imports one above itself."""

from django.dispatch import Signal

destroying = Signal()
"""Sent inside the transaction that destroys a version, with ``version``. A receiver answers True where something that was
made of the version is bound to the names and roles of its columns, which then stay; and lets go of what it keeps of a
version of which nothing came."""
