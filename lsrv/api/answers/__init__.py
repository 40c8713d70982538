"""Answers of models on their way to the client, whoever gives them: a worker or a remote server."""
