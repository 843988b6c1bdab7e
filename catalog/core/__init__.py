"""What all rooms stand on, and that knows none of them."""
