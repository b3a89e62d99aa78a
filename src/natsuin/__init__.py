"""Natsuin: a remote signing server (リモート署名).

A person's signing key is generated and kept on the provider's server. The person approves exactly one document, or an
ordered list of them, with their own passkey and PIN, and the server signs with that person's own key. Start reading at
`natsuin.signing.sign`, the path of one signature.
"""

__version__ = "0.1.0"
