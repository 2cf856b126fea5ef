"""Window statistics and drift detection: pure, deterministic, numpy only.

Read in this order: ``segment.py`` (all that is kept of a source), ``windows.py`` and ``window.py``
(statistics), ``detector.py`` (collect, watch, alarm), ``reference.py`` with ``spectrum.py``,
``scan.py`` and ``calibration.py`` (what a score means), ``watch.py`` with ``blocks.py`` (how it is
kept up to date), ``lifecycle.py`` (when an alert is opened, updated and closed), ``comeback.py``
(whether the stream is back), ``explain.py`` with ``telling.py`` (what an alert says).

Bounds per source at 384 dimensions and a reference of 1,000 documents: about 1.7 MB stored, of
which a snapshot writes what is new, and about 4 MB in memory; besides, 8 bytes for every distinct
word and every document of the windows that are open or still take late documents in.
While an alarm lasts the next reference is collected beside the old one: up to 1.1 MB more.
"""
