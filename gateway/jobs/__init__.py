"""Background jobs: what runs because it is due, not because somebody called.

Owns the tasks, the sweeper and the workers. Each task calls one function of the domain and makes no decisions.
"""
