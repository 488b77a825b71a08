"""Sockets to the world outside: one file a format, read or written. Import the one that is needed."""
