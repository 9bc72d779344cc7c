"""Pure explanations: facts about a run or an event in, an `Explanation` out; no SQL, no HTTP, no clock."""
