//! protector-lab
