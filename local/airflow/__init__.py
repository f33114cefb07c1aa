"""Airflow on this machine: its four processes, on loopback, and a client of its REST API."""
