"""Witnesses: somebody else's servers that have seen the log, so that it cannot be rolled back, rewritten or forked.

`cosignatures`, `requests` and `policy` are the formats, byte by byte; `client` and `asking` are the log's side of one
witness, `rounds` that of all of them. The other side is `natsuin.witness`.
"""
