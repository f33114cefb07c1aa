"""``make demo``: snaplift's main job on this machine, shown and measured; ``make down`` ends it."""
