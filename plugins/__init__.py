"""The plugins that ship with the harness, each named by an entry point like any other's."""
