"""Several answers made into one."""
