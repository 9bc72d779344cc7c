"""`stepcue test`: scenario files, carried out without an assistant."""
