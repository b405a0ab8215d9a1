"""``python -m mercadito_backup``."""

import sys

from mercadito_backup.cli import main

sys.exit(main())
