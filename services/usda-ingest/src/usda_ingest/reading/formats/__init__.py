"""How each of the USDA's formats says what a quote is; all by header name."""
