"""Media: uploads, the links from which vendors fetch them, and the facts about a file.

Owns the bytes and the facts about them. Does not know which facts a provider accepts (`preflight`).
"""
