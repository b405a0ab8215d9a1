"""What people would take instead, each at its best: servers that broadcast when a datagram tells them to."""
