"""Everything that happens: inbox, merge, derivations (one file per subject), outbox, and the clock's sweeps."""
