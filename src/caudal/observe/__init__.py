"""What one can see of Caudal at work: logs without secrets, what they are about, and counts.

Any room may look through here; nothing here knows any of them.
"""
