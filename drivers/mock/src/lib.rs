//! protector-driver-mock
