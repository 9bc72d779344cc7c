"""Doubles: mocks and faults that stand in for a step's call, decided here, so that no app has to change."""
