"""What the market did: prices that are kept for some weeks, and the digest that is made of them once a week."""
