"""The USDA on the loopback interface: its index of files, its old portal, its API, and every way they fail."""
