"""What storing a file is compared with, in an environment of its own."""
