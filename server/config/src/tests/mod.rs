//! `ini.json` and `policy.json` are verdicts of oslo.config 10.7.0 and oslo.policy 6.0.1.

mod ini_vectors;
mod policy_rules;
mod policy_vectors;
mod round_trip;
mod settings;
