"""Policies and handlers from outside the package: found, loaded, checked, and watched while they run.

1. A plug-in is named `file.py:Class`, `package.module:Class`, or as an entry point of the group `deleverage.policies`.
2. A record names it by content: never with a folder, and with the hash of its source in the version.
3. Nothing is executed but what the reader named, or gave the folder of: `at_hand.py` is the only way in.
4. What it gives is checked before it reaches the record; a builtin policy pays nothing for that.

`shape.py` says what a class must have; the guards are `ranking_guard.py` and `handler_guard.py`.
"""
