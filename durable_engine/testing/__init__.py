"""Engines for the tests of users: synchronous, around their own app, each with data of its own."""
