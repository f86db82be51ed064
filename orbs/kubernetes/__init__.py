"""The kubernetes orb."""
