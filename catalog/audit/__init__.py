"""The trail: an append-only, hash-chained record of who did what; the ground that all rooms stand on."""
