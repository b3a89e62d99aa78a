"""`natsuin demo`: a whole signature, from an empty folder, through the same HTTP and approvals as a person."""
