"""How engine facts become answers: cut to a budget, quoted as data, the same in both channels."""
