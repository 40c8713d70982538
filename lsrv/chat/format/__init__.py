"""What a model's answers look like: read off its template, as values that readers and grammars are made from."""
