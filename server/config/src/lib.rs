//! protector-config
