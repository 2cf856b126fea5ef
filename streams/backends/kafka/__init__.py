"""Apache Kafka: the broker on this machine, producers, consumers, topics and administration.

Everything here speaks confluent-kafka; only the runtime imports Faust.
"""
