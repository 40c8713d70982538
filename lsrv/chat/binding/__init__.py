"""From how a model writes, and what an answer may hold, to the grammar that its answer follows. Pure text."""
