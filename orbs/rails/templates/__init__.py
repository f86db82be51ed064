"""Templates of the files that `init` writes."""
