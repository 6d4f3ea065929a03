"""Arithmetic of heat and money: no Home Assistant, no input or output."""
