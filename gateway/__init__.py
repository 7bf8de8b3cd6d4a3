"""The only package that speaks Chargebee: calls in our words, bodies as our snapshots, failures as two errors."""
