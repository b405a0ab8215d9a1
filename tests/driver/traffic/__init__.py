"""A shop in full swing: orders, reads and open screens through the gateway, and a reckoning of what became of each."""
