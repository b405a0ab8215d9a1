"""Run the command line with ``python -m mercadito_demo``."""

import sys

from mercadito_demo.cli import main

sys.exit(main())
