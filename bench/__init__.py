"""Benchmarks: what Quittance does beside a bare limit, measured in one run. Each answers one question."""
