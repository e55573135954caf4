"""Administration: agencies, who owns a location, API keys, encryption keys, and what failed.

Owns the rules of operators, and of administrators within their agency. Does not know transports, nor what tenants do.
"""
