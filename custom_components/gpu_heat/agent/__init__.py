"""The agent that runs on a GPU server; also the home of the snapshot schema."""

__version__ = "0.1.0"
