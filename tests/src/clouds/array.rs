//! The two mock arrays, which keep their volumes where the clouds' block storage keeps its.

use std::sync::Arc;

use protector_driver_mock::world::{LinkSettings, MockArray};
use protector_framework::{DriverEnv, RandomIds, SystemClock};

use super::failure::Outcome;
use super::testbed::Side;
use super::world::World;

/// Both arrays.
#[derive(Debug, Clone)]
pub struct Arrays {
    arrays: [MockArray; 2],
    tokens: [String; 2],
}

impl Arrays {
    /// Makes the arrays of both pools, each with a token of this run, and links them.
    ///
    /// # Errors
    /// What the driver says.
    pub fn link(world: &World) -> Outcome<Self> {
        let tokens = Side::BOTH.map(|side| world.secrets.of(&format!("array-{}", side.name())));
        let array = |side: Side, token| {
            let env = DriverEnv {
                clock: Arc::new(SystemClock::new()),
                ids: Arc::new(RandomIds),
            };
            let pool = world.testbed.pool(side);
            MockArray::create(pool, &format!("array-{}", side.name()), token, env)
        };
        let (a, b) = (array(Side::A, &tokens[0])?, array(Side::B, &tokens[1])?);
        a.link(&b, &LinkSettings::up())?;
        let arrays = [a, b];
        Ok(Self { arrays, tokens })
    }

    /// Their addresses.
    pub fn urls(&self) -> Vec<String> {
        self.arrays.iter().map(MockArray::url).collect()
    }

    /// Where the array of a site is.
    pub fn url(&self, side: Side) -> String {
        self.array(side).url()
    }

    /// A hash of all bytes of a volume of the block storage service.
    ///
    /// # Errors
    /// Where the array has no such volume.
    pub fn hash(&self, side: Side, volume: &str) -> Outcome<String> {
        Ok(self.array(side).hash(&format!("volume-{volume}-cinder"))?)
    }

    fn array(&self, side: Side) -> &MockArray {
        &self.arrays[usize::from(side == Side::B)]
    }

    /// The token of the array of a site.
    pub fn token(&self, side: Side) -> &str {
        &self.tokens[usize::from(side == Side::B)]
    }
}
