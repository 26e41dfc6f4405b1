"""A Hub on 127.0.0.1 that lives in memory: enough of its interface for huggingface_hub to push to and load from.

`store` holds repositories, commits and files; `server` speaks HTTP; `client` runs programs that take it for the Hub.
Untested by it, because it does not speak them: Xet (which the real Hub prefers), multipart uploads, pull requests,
gated repositories, rate limits.
"""
