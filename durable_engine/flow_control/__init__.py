"""Pure decisions about when a run may start and how fast it goes: one module per control."""
