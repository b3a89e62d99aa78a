"""The API of the Cloud Signature Consortium, generations 1 (1.0.4.0) and 2 (2.2.0.0), for applications that exist.

Both are thin translations over one core: a credential is a person's key, a token of scope `credential` is the approval
that sam verified, and `signatures/signHash` spends it. `methods.py` lists what is offered, and nothing else is.
"""
