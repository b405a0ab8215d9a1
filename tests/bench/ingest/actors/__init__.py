"""What runs in another environment than the benchmark, usda-ingest's own: each answers with one line of JSON."""
