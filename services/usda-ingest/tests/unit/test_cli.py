import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("level", ["loud", "INFO "])
def test_a_wrong_log_level_is_named_with_all_other_problems(level: str) -> None:
    environment = {"PATH": os.environ["PATH"], "MERCADITO_ENV": "test", "LOG_LEVEL": level}
    command = [sys.executable, "-m", "usda_ingest", "crawl"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "LOG_LEVEL" in done.stderr
    assert "USDA_INDEX_URL" in done.stderr
    assert "Traceback" not in done.stderr
