"""Measurements, each beside its target; `python -m bench` makes them all."""
