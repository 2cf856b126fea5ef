"""The plain monitors: missing fields, copies, lengths, confidence, labels, rate, lateness.

``facts`` turns documents into whole numbers, ``copies`` finds repeated ones, ``tally`` adds them up
per window; ``quiet`` learns what the source's own quiet windows look like and ``judge`` says how
rarely a window like the newest one comes by chance.
"""
