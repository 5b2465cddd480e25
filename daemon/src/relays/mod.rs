//! Relay boards over Modbus RTU and Modbus TCP.
