"""Decisions about jobs: no Home Assistant, no input or output, time as a value."""
