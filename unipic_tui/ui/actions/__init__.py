"""What each command does, grouped by what it is about."""
