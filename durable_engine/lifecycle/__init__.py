"""Pure decisions about runs: facts and the time in, `Changes` out; no SQL, no HTTP, no clock."""
