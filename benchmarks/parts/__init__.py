"""The parts of the benchmark, each a module with `measure(arena, sizes)`, which returns rows."""
