"""Pushing to the Hub: one commit that holds all or nothing, compared with what lies here, tagged last.

The only place that writes to the Hub; `pipeline.core.hub` reads from it.
"""
