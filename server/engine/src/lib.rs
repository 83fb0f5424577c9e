//! protector-engine
