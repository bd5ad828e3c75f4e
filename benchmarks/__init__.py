"""Named workloads that measure quality and speed; every comparison is made in one run on one machine."""
