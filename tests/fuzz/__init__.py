"""Seeded damage to valid files, read the whole way a user's file goes: read, refused in plain words, or a failure."""
