//! protector-api
