"""The benchmark of realtime's fan-out."""
