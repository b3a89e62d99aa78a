"""`natsuin demo`: a whole signature, from an empty folder, through the same HTTP and approvals as a person.

The signer is a program with a software authenticator (`authenticator.py`), acting at a browser's place (`visitor.py`).
The server, its two processes, the approval and the log are the real ones: nothing is bypassed. The steps are in
`story.py`.
"""
