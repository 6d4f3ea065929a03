"""The agent, tested with real parts: a compiled NVML library, processes, HTTP on loopback."""
