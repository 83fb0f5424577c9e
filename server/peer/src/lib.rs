//! protector-peer
