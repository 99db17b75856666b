"""The ``harness`` command and those of its subcommands that belong to the core."""
