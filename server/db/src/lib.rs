//! protector-db
