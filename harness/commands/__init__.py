"""The subcommands of ``harness``, one a module: ``add_parser(subparsers)``.

Importing them imports nothing heavy.
"""
