"""Anthropic's API: https://platform.claude.com/docs/en/api/messages. Bodies to requests, events to events. Pure."""
