"""Media: uploads, the links under which vendors fetch them, and what is inside a file.

Owns the bytes and the facts about them. Does not know which facts a provider accepts (`preflight`).
"""
