"""The daemon for programs that speak the Model Context Protocol: read-only tools over its REST answers.

Needs the extra `orderflow-stream[mcp]`; only `server` and what it is made of import it, and only `orderflow-stream mcp`
imports those.
"""
