//! A fabric as it was at a moment.

use super::{Control, ControlError, Done};
use crate::state::Fabric;

/// What a fabric held when it was saved, its time among it.
#[derive(Debug, Clone)]
pub struct Saved(Fabric);

impl Control {
    /// Keeps what the arrays hold, to come back to it with [`Control::restore`] as often as is
    /// wanted. In process only.
    ///
    /// # Errors
    /// Where the volumes of an array are files: others may write into these.
    pub fn save(&self) -> Done<Saved> {
        let world = self.settled();
        match world.fabric.is_in_memory() {
            true => Ok(Saved(world.fabric.clone())),
            false => Err(ControlError(
                "a fabric whose volumes are files cannot be saved".to_owned(),
            )),
        }
    }

    /// Makes the arrays hold what they held, and lets their time go on from then. Who is logged in
    /// stays so; faults that have not happened and the record of calls stay as they are.
    pub fn restore(&self, saved: &Saved) {
        let mut world = self.shared.lock();
        world.time.set(saved.0.now);
        world.fabric = saved.0.clone();
    }
}
