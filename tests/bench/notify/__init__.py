"""The benchmark of notify: a flood of confirmations, a reset that overtakes, the way from an order to its mail."""
