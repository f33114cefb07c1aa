"""The sweep: a promotion is struck at every call that it makes, goes on as Airflow would, and AWS is looked at.

``make chaos`` runs all of it, ``python -m tests.chaos --point …`` repeats one point, ``make test`` has a short part.
"""
