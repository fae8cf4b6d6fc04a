"""Measurements against other programs; `python -m bench` prints ratios from one run."""
