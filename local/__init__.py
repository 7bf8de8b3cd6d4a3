"""What stands in on a laptop for the servers of a real deployment. Development and tests only.

Nothing that runs in production imports it.
"""
