//! A fabric as it was at a moment.

use super::{Control, ControlError, Done};
use crate::content::Store;
use crate::state::Fabric;

/// What a fabric held when it was saved, its time among it.
#[derive(Debug, Clone)]
pub struct Saved(Fabric);

impl Control {
    /// Keeps what the arrays hold, to come back to it with [`Control::restore`] as often as is
    /// wanted. In process only.
    ///
    /// # Errors
    /// Where an array's bytes are files: others may write into these.
    pub fn save(&self) -> Done<Saved> {
        let world = self.settled();
        let files = |store: &Store| matches!(store, Store::Pool(_));
        match world.fabric.arrays.iter().find(|array| files(&array.store)) {
            Some(array) => Err(ControlError(format!(
                "array {:?} cannot be saved: its volumes are files",
                array.name
            ))),
            None => Ok(Saved(world.fabric.clone())),
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
