"""Message contracts of Tidemark: Avro schemas, typed records, codecs and SQL migrations."""
