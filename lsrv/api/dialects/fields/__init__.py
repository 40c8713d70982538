"""Fields that the bodies of several dialects share, and what they become. Pure."""
