"""What the demo and the end-to-end tests need around the example app."""
