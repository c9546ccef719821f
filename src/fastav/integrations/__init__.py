"""fastav in the place of other readers: a module for each package, imported only when used.

None of these packages is needed by fastav; each module says which one it needs, if any.
"""
