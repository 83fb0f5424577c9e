//! protector-manage
