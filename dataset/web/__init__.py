"""Downloading from other people's servers: politely, within limits, and never taking an answer on trust."""
