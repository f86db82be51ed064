"""The small controllers, a file each: what makes objects progress once they are stored."""
