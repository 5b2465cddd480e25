//! The access table and the logs, durable in sled. The only module that knows sled.
