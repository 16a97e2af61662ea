//! Model servers: starting one, probing one, stopping one.
