"""Where a trial's samples come from, and what is done to them before training."""
