"""What the pages in ``docs/config-codes`` say, by subject; put together in ``code_pages``."""
