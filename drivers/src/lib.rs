//! protector-drivers
