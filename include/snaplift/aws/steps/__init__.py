"""The steps of a promotion, one a module, named as in the graph.

A step is a function ``advance(promotion) -> Wait | Done``. It looks at what is, does the next thing that is missing,
and returns what to wait for; then it is called again, from the beginning. So a retry, a clear and the end of a wait
are the same thing, and nothing is made twice. Steps go by the lock's record and by AWS, not by Airflow.
"""
