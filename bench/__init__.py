"""Benchmarks: what the service costs, beside what nothing could undercut, measured in the same run.

`python -m bench` starts a real installation with `natsuin serve`, signs through HTTP as an application would, and holds
the result against bounds: the bare private-key operation, a bare HTTP answer, a bare durable write. Machines are noisy
and shared, so the verdict rests on CPU time and on ratios, never on a wall clock.
"""
