"""Print the SQL of every migration step after the first, as JSON: revision to statements."""

import io
import json
import sys

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

config = Config()
config.set_main_option("script_location", sys.argv[1].replace("%", "%%"))
sql = {}
for step in ScriptDirectory.from_config(config).walk_revisions():
    if isinstance(step.down_revision, str):
        config.output_buffer = io.StringIO()
        command.upgrade(config, f"{step.down_revision}:{step.revision}", sql=True)
        sql[step.revision] = config.output_buffer.getvalue()
print(json.dumps(sql))
