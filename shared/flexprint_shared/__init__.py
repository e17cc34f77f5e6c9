"""What the agent and the collector must agree on, and nothing else."""
