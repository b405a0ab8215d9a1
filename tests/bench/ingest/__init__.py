"""The benchmark of usda-ingest: storing a file, what idles, a morning, forecasts, the endpoint."""
