//! Wire types of OpenAI-compatible servers, one SSE parser for everybody, and the streaming client of chat and datasets.
