"""Replay files: made from a session's journals by a process of low priority, listed in the package, removed by age.

They are a cache: whoever removes them loses nothing, the next look makes them again from the originals.
"""
