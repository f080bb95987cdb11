"""The journal: what happened, on the disk, so that a restart begins where the process before it ended.

`frame` is how it is written down, `log` what keeps it, `sqlite` the file it is kept in, `writer` the thread that
writes.
"""
