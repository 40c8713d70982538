"""The only words parent and worker share: commands down, events up, and how they are framed."""
