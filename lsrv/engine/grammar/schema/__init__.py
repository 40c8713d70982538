"""JSON Schemas, from what generators write to what llguidance keeps to the letter. Pure."""
