"""Building the compiled ops: finding compilers, writing a ninja file, locking, caching. Nothing runs on import."""
