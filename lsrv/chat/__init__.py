"""Chat as text: templates in; reasoning and content out. Knows no engine and no dialect."""
