"""The laptop's stand-in for AWS: ministack, with databases, containers and load balancers that are real."""
