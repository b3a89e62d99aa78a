"""A small client of a Natsuin service: has a PDF signed by a person who approves in their browser.

It uses what any application may use: OAuth 2.0 (code with PKCE, answers on the loopback as RFC 8252 has it) and the CSC
API, over HTTP alone. The PDF stays here; only the digest of what is signed goes out.

    service = Service("https://sign.example.jp")
    signed = sign_pdf(content, service, InBrowser(open_address=webbrowser.open), name="contract.pdf")
"""

from natsuin.client.browser import InBrowser
from natsuin.client.service import CLIENT_ID, Credential, Service
from natsuin.client.signing import Signed, sign_pdf

__all__ = ["CLIENT_ID", "Credential", "InBrowser", "Service", "Signed", "sign_pdf"]
