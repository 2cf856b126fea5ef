"""What an error of ClickHouse leads to, by its code.

Codes: ``src/Common/ErrorCodes.cpp`` of ClickHouse. A code that is in no set is a mistake of the
program and stays as it is.
"""

from __future__ import annotations

NO_SUCH_TABLE = frozenset({60, 81})  # UNKNOWN_TABLE, UNKNOWN_DATABASE
"""Somebody has to run the migrations."""

NO_SUCH_COLUMN = frozenset({10, 16})  # NOT_FOUND_COLUMN_IN_BLOCK, NO_SUCH_COLUMN_IN_TABLE

AUTHENTICATION = frozenset(
    {
        192,  # UNKNOWN_USER
        193,  # WRONG_PASSWORD
        194,  # REQUIRED_PASSWORD
        516,  # AUTHENTICATION_FAILED
        720,  # USER_EXPIRED
        767,  # REQUIRED_SECOND_FACTOR
    }
)

FORBIDDEN = frozenset(
    {
        164,  # READONLY
        195,  # IP_ADDRESS_NOT_ALLOWED
        291,  # DATABASE_ACCESS_DENIED
        452,  # SETTING_CONSTRAINT_VIOLATION
        472,  # READONLY_SETTING
        497,  # ACCESS_DENIED
        774,  # TABLE_IS_PERMANENTLY_READ_ONLY
    }
)

NO_CLUSTER = frozenset(
    {
        139,  # NO_ELEMENTS_IN_CONFIG: no Keeper, or no macros
        170,  # BAD_GET: what older servers say of an unknown cluster
        701,  # CLUSTER_DOESNT_EXIST
    }
)

OVERLOADED = frozenset(
    {
        159,  # TIMEOUT_EXCEEDED
        160,  # TOO_SLOW
        173,  # CANNOT_ALLOCATE_MEMORY
        201,  # QUOTA_EXCEEDED
        202,  # TOO_MANY_SIMULTANEOUS_QUERIES
        203,  # NO_FREE_CONNECTION
        241,  # MEMORY_LIMIT_EXCEEDED
        252,  # TOO_MANY_PARTS
        364,  # RECEIVED_ERROR_TOO_MANY_REQUESTS
        439,  # CANNOT_SCHEDULE_TASK
        574,  # DISTRIBUTED_TOO_MANY_PENDING_BYTES
        700,  # USER_SESSION_LIMIT_EXCEEDED
        745,  # SERVER_OVERLOADED
        749,  # TCP_CONNECTION_LIMIT_REACHED
        762,  # HTTP_CONNECTION_LIMIT_REACHED
        776,  # RESOURCE_LIMIT_EXCEEDED
        777,  # MEMORY_RESERVATION_KILLED
        778,  # MEMORY_RESERVATION_FAILED
        1019,  # QUERY_SLOT_ACQUISITION_TIMEOUT
        1020,  # MEMORY_RESERVATION_ACQUISITION_TIMEOUT
    }
)
"""More requests make it worse: slow down."""

PASSING = frozenset(
    {
        3,  # UNEXPECTED_END_OF_FILE: the request was cut off on its way
        23,  # CANNOT_READ_FROM_ISTREAM
        32,  # ATTEMPT_TO_READ_AFTER_EOF
        33,  # CANNOT_READ_ALL_DATA
        40,  # CHECKSUM_DOESNT_MATCH
        74,  # CANNOT_READ_FROM_FILE_DESCRIPTOR
        75,  # CANNOT_WRITE_TO_FILE_DESCRIPTOR
        76,  # CANNOT_OPEN_FILE
        95,  # CANNOT_READ_FROM_SOCKET
        96,  # CANNOT_WRITE_TO_SOCKET
        198,  # DNS_ERROR
        204,  # CANNOT_FSYNC
        209,  # SOCKET_TIMEOUT
        210,  # NETWORK_ERROR
        218,  # TABLE_IS_DROPPED
        225,  # NO_ZOOKEEPER
        236,  # ABORTED
        242,  # TABLE_IS_READ_ONLY: the replica has lost Keeper
        243,  # NOT_ENOUGH_SPACE
        244,  # UNEXPECTED_ZOOKEEPER_ERROR
        254,  # NO_ACTIVE_REPLICAS
        265,  # NO_AVAILABLE_REPLICA
        279,  # ALL_CONNECTION_TRIES_FAILED
        285,  # TOO_FEW_LIVE_REPLICAS
        286,  # UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
        289,  # REPLICA_IS_NOT_IN_QUORUM
        297,  # SHARD_HAS_NO_CONNECTIONS
        319,  # UNKNOWN_STATUS_OF_INSERT
        394,  # QUERY_WAS_CANCELLED
        416,  # REPLICA_STATUS_CHANGED
        425,  # SYSTEM_ERROR
        473,  # DEADLOCK_AVOIDED
        499,  # S3_ERROR
        519,  # NO_REMOTE_SHARD_AVAILABLE
        695,  # ASYNC_LOAD_FAILED
        696,  # ASYNC_LOAD_CANCELED
        722,  # ASYNC_LOAD_WAIT_FAILED
        733,  # TABLE_IS_BEING_RESTARTED
        735,  # QUERY_WAS_CANCELLED_BY_CLIENT
        763,  # SESSION_REFUSED: the server is shutting down
        999,  # KEEPER_EXCEPTION
    }
)
"""May be over the next time."""

ROWS_REFUSED = frozenset(
    {
        69,  # ARGUMENT_OUT_OF_BOUND
        117,  # INCORRECT_DATA
        128,  # TOO_LARGE_ARRAY_SIZE
        131,  # TOO_LARGE_STRING_SIZE
        321,  # VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
        349,  # CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
        407,  # DECIMAL_OVERFLOW
        469,  # VIOLATED_CONSTRAINT
    }
)
"""The table is not as the migrations made it: what its columns cannot hold is never sent."""
