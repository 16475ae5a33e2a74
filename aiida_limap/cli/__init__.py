"""``aiida-limap``: the command line for people."""
