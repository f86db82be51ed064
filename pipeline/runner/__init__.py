"""The runner: a compiled configuration's jobs, run on this machine."""
