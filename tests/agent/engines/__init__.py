"""The engines of jobs, each against the real thing or a fake beside it."""
