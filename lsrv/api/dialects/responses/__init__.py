"""OpenAI's Responses API: bodies to requests, events to bytes. Pure; what is kept of answers stands elsewhere.

https://platform.openai.com/docs/api-reference/responses
"""
