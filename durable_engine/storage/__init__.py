"""SQLite storage: one writer thread, one transaction per state change, one file of SQL per table."""
