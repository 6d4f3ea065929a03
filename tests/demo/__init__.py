"""Tests of scripts/demo: the whole product, started as its user starts it."""
