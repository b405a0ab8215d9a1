"""What every service needs around its own work: settings, logs, identity, database, migrations, health."""
