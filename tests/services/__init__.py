"""Real servers for tests and benchmarks: PostgreSQL, a Redis-protocol server, an SMTP sink. No root, no Docker."""
