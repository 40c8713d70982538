"""Structured answers: what compiles a grammar, and what follows one sequence through it."""
