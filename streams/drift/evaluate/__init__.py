"""What would the drift detector catch? Streams with planted changes, replayed and counted.

``planting`` draws streams as rows of a pool of enriched documents, ``scenarios`` says which changes
a pool of documents allows, ``replay`` feeds streams to the production detector, ``measure`` counts
false alarms, delays and detections, ``picture`` draws them. No input or output, no model.
"""
