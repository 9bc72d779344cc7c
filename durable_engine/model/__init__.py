"""The engine's vocabulary: plain values and the state table, importing nothing above it."""
