"""What answers look like, as types for the reference alone: replies are written field by field, for speed."""
