//! The server's own figures: `/metrics` of vLLM (V0 and V1) and of the embedded engine, scraped on the run's time axis.
