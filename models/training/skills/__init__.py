"""The skills of `nano`, `mini` and `base`: each file makes questions with their one right answer."""
