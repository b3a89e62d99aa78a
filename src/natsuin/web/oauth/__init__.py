"""The HTTP edge of the OAuth 2.0 authorization server, and the page where a person decides.

`endpoints.py` is for programs, `interaction.py` for the page. What is kept and checked is in
`natsuin.authentication.oauth`.
"""
