"""A model's chat template: from messages to a prompt, as the model was trained to read it."""
