//! Wall and monotonic time, and whether wall time may be believed.
