"""Migrations of the two databases. Files are numbered; once released, a migration is never changed.

`python -m natsuin.storage.migrations.make TREE MESSAGE` writes the next one by comparing the tables in the code with
what the migrations so far make. Read what it wrote before keeping it.
"""
