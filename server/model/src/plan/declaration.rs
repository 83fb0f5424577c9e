//! What every kind of step says of itself: what makes it safe to repeat, when it may be given up,
//! how it is taken back, whether a person may leave it out. The engine decides by this table, and
//! `dry_run` shows it.

use super::Action;

/// What a step declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Declaration {
    /// Why a repeated step has the effect of one.
    pub idempotent_by: &'static str,
    /// When a wish to give the operation up is heard.
    pub cancel: Cancel,
    /// How it is taken back before authority passes; `None`: there is nothing to take back, or it
    /// cannot be.
    pub undo: Option<&'static str>,
    /// Whether a person may leave it out: nothing that decides which copy is right relies on it.
    pub skippable: bool,
}

/// When a step may be given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancel {
    /// At any moment: it may be dropped in the midst of a call.
    AtOnce,
    /// When it has ended: a call of it that is under way could still take effect while it is taken
    /// back.
    AtItsEnd,
    /// Not once it has begun.
    Never,
}

impl Declaration {
    /// Whether it may be dropped while it is under way.
    pub fn is_cancel_safe(&self) -> bool {
        self.cancel == Cancel::AtOnce
    }

    const fn look() -> Self {
        Self {
            idempotent_by: "it changes nothing",
            cancel: Cancel::AtOnce,
            undo: None,
            skippable: false,
        }
    }

    const fn change(idempotent_by: &'static str) -> Self {
        Self {
            idempotent_by,
            cancel: Cancel::AtItsEnd,
            undo: None,
            skippable: false,
        }
    }

    const fn undone(mut self, undo: &'static str) -> Self {
        self.undo = Some(undo);
        self
    }

    const fn at_once(mut self) -> Self {
        self.cancel = Cancel::AtOnce;
        self
    }

    const fn never(mut self) -> Self {
        self.cancel = Cancel::Never;
        self
    }

    const fn skippable(mut self) -> Self {
        self.skippable = true;
        self
    }
}

impl Action {
    /// What steps of this kind declare.
    pub fn declaration(&self) -> Declaration {
        match self {
            Self::CheckSites { .. }
            | Self::CheckTestNetworks
            | Self::ProbeServer { .. }
            | Self::CaptureMember
            | Self::RecaptureMember
            | Self::ChoosePoint
            | Self::AwaitExecutor { .. }
            | Self::ReadBack => Declaration::look(),
            Self::Delay { .. } => Declaration::look().skippable(),
            Self::EnsureVolumeGroup => {
                Declaration::change("the group's name: an existing one is the reply")
            }
            Self::FillVolumeGroup => {
                Declaration::change("the group's name; its volumes are set as a whole").skippable()
            }
            Self::DeleteVolumeGroup => {
                Declaration::change("the group's id: what is gone stays gone")
            }
            Self::EnsureArrayGroup => {
                Declaration::change("the array group's name; its volumes are set as a whole")
                    .skippable()
            }
            Self::SuspendArrayGroup => {
                Declaration::change("the array group's name: a suspended one stays so").skippable()
            }
            Self::HoldArrayGroup => {
                Declaration::change("the array group's name: one that is held stays so")
            }
            Self::DeleteArrayGroup => {
                Declaration::change("the array group's name: what is gone stays gone")
            }
            Self::SurveySource => {
                Declaration::change("the answer is noted before it is told; the newest word counts")
            }
            Self::StopServer => Declaration::change(
                "whether it ran is noted first; a locked server stays locked, a stopped one \
                 stopped",
            )
            .undone("start the server if it ran before, then unlock it"),
            Self::Replicate => {
                // A point that is begun and not waited for is one more point.
                Declaration::change("the point's name: a second call finds the first one's point")
                    .at_once()
            }
            Self::PinPoint => Declaration::change("the holder is the operation: it holds once")
                .undone("let the point go"),
            Self::UnpinPoint => {
                Declaration::change("the holder is the operation: what is let go stays so")
                    .skippable()
            }
            Self::CopyVolume { .. } => Declaration::change(
                "the volume's name, made of operation, member and slot: the same call finds its \
                 volume",
            )
            .undone("discard the array volume, by name and serial"),
            Self::AdoptVolume { .. } => {
                Declaration::change("the volume's name in the cloud and its name on the array")
                    .undone("unmanage the volume")
            }
            Self::Commit { .. } => Declaration::change(
                "the epoch's id, made of the operation: the same document is accepted once",
            )
            .never(),
            Self::OverwriteVolume { .. } => Declaration::change(
                "the volume's serial; its name while it is overwritten is noted first",
            ),
            Self::CreatePorts { test } => {
                let made = Declaration::change("the port's MAC, unique in its network");
                match test {
                    true => made.undone("delete the test's ports"),
                    false => made,
                }
            }
            Self::BootServer { test } => {
                let made = Declaration::change(
                    "the server's tag, made of operation and member, and its root volume's \
                     attachment",
                );
                match test {
                    true => made.undone("delete the test's server"),
                    false => made,
                }
            }
            Self::ReviveServer => {
                Declaration::change("the server's id and state: one that runs is only unlocked")
            }
            // A test's server has no settings of its user that would be given back.
            Self::VerifyServer { test: true } => Declaration::look(),
            Self::VerifyServer { test: false } => {
                Declaration::change("it looks; the settings it gives back are set as a whole")
            }
            Self::UnlockServer => {
                Declaration::change("the server's id: what is unlocked stays so").skippable()
            }
            Self::ParkServer { .. } => Declaration::change(
                "the server's id and state: what is locked, stopped and shelved stays so",
            )
            .skippable(),
            Self::DeleteServer => Declaration::change("the server's id: what is gone stays gone"),
            Self::ReleaseVolumes => {
                Declaration::change("the volumes' ids: what is released stays so").skippable()
            }
            Self::DiscardVolumes => {
                Declaration::change("name and serial: another volume of that name is not touched")
                    .skippable()
            }
            Self::DeletePorts => {
                Declaration::change("the ports' ids: what is gone stays gone").skippable()
            }
            Self::RemoveTestServers => {
                Declaration::change("the test's tag and MACs: what is gone stays gone").skippable()
            }
            Self::RemoveTestVolumes => {
                Declaration::change("the test's volume names and serials: what is gone stays gone")
                    .skippable()
            }
            Self::ForgetMember | Self::ForgetGroup => {
                Declaration::change("it acts by the document, which `finish` writes once")
            }
            Self::TakeBack { .. } => Declaration::change(
                "the older operation's journal says what is left, and each step is noted when it \
                 is taken back",
            ),
            Self::Finish => {
                Declaration::change("the document is folded from the journal and written once")
                    .never()
            }
        }
    }

    /// Whether the step can be taken back before the commit point.
    pub fn has_undo(&self) -> bool {
        self.declaration().undo.is_some()
    }
}
