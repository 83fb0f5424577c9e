//! The driver on simulated arrays, over real HTTPS.

// The lints that spare tests look for `cfg(test)`.
#[cfg(test)]
mod fabric;
#[cfg(test)]
mod group;
#[cfg(test)]
mod life;
#[cfg(test)]
mod overwrite;
#[cfg(test)]
mod resolve;
#[cfg(test)]
mod session;
#[cfg(test)]
mod switches;
#[cfg(test)]
mod sync;
#[cfg(test)]
mod world;
