"""What is asked of this service over HTTP."""
