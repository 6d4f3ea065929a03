"""Units of systemd, over a real bus."""
