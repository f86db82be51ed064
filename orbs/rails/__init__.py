"""The rails orb."""
