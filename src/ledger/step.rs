//! The places within an append where a crash, or a failing disk, can fall: a test stops the store there.

use std::io;

/// How far an append has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Before anything is written.
    Begun,
    /// sled has it in memory.
    Applied,
    /// sled has written it.
    Flushed,
    /// It is on the disk.
    Synced,
    /// The recent values that were sealed are being removed; sled has that in memory.
    Removed,
    /// The head record is written.
    Recorded,
}

/// What happens at a step: nothing, but in tests.
#[derive(Default)]
pub(super) struct Steps {
    #[cfg(test)]
    pub(super) hook: Option<Box<dyn FnMut(Step) -> io::Result<()> + Send>>,
}

impl std::fmt::Debug for Steps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Steps")
    }
}

impl Steps {
    #[cfg(not(test))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "tests stop an append here")]
    pub(super) fn at(&mut self, _: Step) -> io::Result<()> {
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn at(&mut self, step: Step) -> io::Result<()> {
        self.hook.as_mut().map_or(Ok(()), |hook| hook(step))
    }
}
