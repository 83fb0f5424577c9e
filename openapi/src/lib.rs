//! protector-openapi
