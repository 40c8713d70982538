"""Reading config files into layers, and the files that a config names."""
