"""What is to be sent: intents, messages, their states, and what follows from an attempt."""
