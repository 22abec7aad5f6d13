"""Many jobs from one file: read, shared out, run, written, taken up again."""
