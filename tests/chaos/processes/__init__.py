"""A real Airflow whose processes are killed, and whose runs are ended by people, in the middle of promotions."""
