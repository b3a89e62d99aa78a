"""`natsuin backup`: copies of a whole installation, taken while it signs, and what becomes of them.

manifest     what is in a backup, with the hash of each file, sealed by the master key
encryption   files for age recipients; the host that makes backups need not be able to open them
databases    one consistent copy of a database that others write
creation     databases, key archives, log and configuration, in the order in which they may be restored together
examination  everything that can be told of a backup, without and with the key that opens it
restoration  into an empty folder, after the question how far the log had come
rehearsal    examination and restoration in a scratch folder, remembered in the installation
"""
