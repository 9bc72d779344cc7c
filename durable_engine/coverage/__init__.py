"""Pure: what recorded runs have shown of a function, and what they have not."""
