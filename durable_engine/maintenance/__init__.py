"""Duties that repeat: keeping apps in sync, and finding them."""
