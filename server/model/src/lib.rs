//! protector-model
