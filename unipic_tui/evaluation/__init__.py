"""The benchmarks of the paper: their files read, and results laid out as their tools want them."""
