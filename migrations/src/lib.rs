//! protector-migrations
