"""Shared plumbing of the REST API: who is calling, how errors look, how often, how answers are paged."""
