"""What it cost: populations, their caps, and the append-only spending of their privacy budget."""
