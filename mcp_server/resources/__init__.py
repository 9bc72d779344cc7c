"""What clients may attach to a conversation: runs, functions, and pages of the documentation."""
