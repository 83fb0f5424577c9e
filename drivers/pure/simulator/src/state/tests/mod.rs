//! State machines as data.
