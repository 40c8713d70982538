"""The text that the demo is trained on, written by a program: facts, skills, tools, stories, and how they mix."""
