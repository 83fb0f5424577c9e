//! Data on volumes: patterns that can be told apart.

/// How much is written at each place.
pub const BLOCK: usize = 64 * 1024;
/// How many places of a volume are written.
const PLACES: u64 = 16;

/// Where test data stands on a volume of this size: a number and the byte it begins at.
pub fn places(len: u64) -> impl Iterator<Item = (u64, u64)> {
    let last = len.saturating_sub(BLOCK as u64);
    (0..PLACES).map(move |place| (place, last / (PLACES - 1) * place))
}

/// Bytes that depend on the seed and the place alone and do not compress.
pub fn pattern(seed: &str, place: u64) -> Vec<u8> {
    let mut state = seed.bytes().fold(place + 1, |sum, byte| {
        sum.wrapping_mul(0x100_0000_01b3) ^ u64::from(byte)
    });
    let mut bytes = Vec::with_capacity(BLOCK);
    while bytes.len() < BLOCK {
        // splitmix64, from its public definition.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
    }
    bytes
}
