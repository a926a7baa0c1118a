"""The command line ``diemcau``: one module per group of commands."""
