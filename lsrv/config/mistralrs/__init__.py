"""mistral.rs's config, as users bring it: its keys moved to ours or refused by name, its JSON read into a layer."""
