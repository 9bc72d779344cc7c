"""Pure: what a run recorded, what the code asks for when it is replayed, and how the two differ."""
