"""A model of AWS with a clock, in memory, and a machine that drives real promotions against it in every order.

The product's steps and its hooks are the real ones; what is modelled are boto's clients (:mod:`tests.model.client`),
MySQL and a task's web page (:mod:`tests.model.plugged`), and Airflow (:mod:`tests.model.runs`).

Modelled: stacks of databases and services with their roll-backs, instances and the states they pass through,
snapshots, task definitions, services whose deployments succeed, fail, are stopped or superseded, tasks that start and
drain, parameters with versions, secrets, the lock table's conditional writes, deletion protection, replies that are
lost, calls that are refused, processes that die before or after a call or are overtaken in the middle of a step.
Not modelled: IAM, throttle rates, quotas that are reached, load balancers, more than one account, SQL beyond "whose
data this is and which accounts open it".
"""
