"""A Home Assistant with one heated room, and the GPU server that heats it."""
