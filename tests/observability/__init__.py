"""What an operator looks at: figures, alerts, pictures, traces."""
