"""`python -m orders` is the `orders` command."""

import sys

from orders.entrypoints.cli import main

sys.exit(main())
