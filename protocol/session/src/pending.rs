//! The client's `id`s that are still to be answered: exactly one `ack` or `nack` each.

/// Ids that one connection may have unanswered.
pub const UNANSWERED_MAX: usize = 1_024;

/// Stands for one unanswered `id` while its message is under way through the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reply(u32);

/// Why an `id` was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdRefused {
    /// The same id is still unanswered.
    Conflict,
    /// [`UNANSWERED_MAX`] are unanswered.
    TooMany,
}

/// The unanswered ids of one connection. A few at a time in practice, so a list serves.
#[derive(Debug, Default)]
pub struct Pending {
    ids: Vec<(Reply, Box<str>)>,
    last: u32,
}

impl Pending {
    /// Notes an id, given as it stands in the JSON text.
    ///
    /// # Errors
    /// [`IdRefused`] where it cannot be told from one under way, or too many are.
    pub fn open(&mut self, id: &str) -> Result<Reply, IdRefused> {
        if self.contains(id) {
            return Err(IdRefused::Conflict);
        }
        if self.ids.len() == UNANSWERED_MAX {
            return Err(IdRefused::TooMany);
        }
        self.last = self.last.wrapping_add(1);
        let reply = Reply(self.last);
        self.ids.push((reply, id.into()));
        Ok(reply)
    }

    /// Takes the id out to be answered; `None` if it was answered before.
    pub fn take(&mut self, reply: Reply) -> Option<Box<str>> {
        let at = self.ids.iter().position(|(known, _)| *known == reply)?;
        let (_, id) = self.ids.swap_remove(at);
        if self.ids.is_empty() {
            self.ids = Vec::new();
        }
        Some(id)
    }

    /// Whether this id is still to be answered.
    #[must_use]
    pub fn contains(&self, id: &str) -> bool {
        self.ids.iter().any(|(_, known)| **known == *id)
    }

    /// Whether every id has its answer.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_answered_once_and_may_then_be_used_again() {
        let mut pending = Pending::default();
        let first = pending.open("1").expect("new");
        let text = pending.open("\"1\"").expect("a string is not the number");
        assert_ne!(first, text);
        assert_eq!(pending.open("1"), Err(IdRefused::Conflict));
        assert_eq!(pending.take(first).as_deref(), Some("1"));
        assert_eq!(pending.take(first), None);
        assert_ne!(pending.open("1").expect("free again"), first);
    }

    #[test]
    fn only_so_many_wait() {
        let mut pending = Pending::default();
        let replies: Vec<_> =
            (0..UNANSWERED_MAX).map(|id| pending.open(&id.to_string()).expect("room")).collect();
        assert_eq!(pending.open("x"), Err(IdRefused::TooMany));
        for reply in replies {
            assert!(pending.take(reply).is_some());
        }
        assert!(pending.is_empty());
    }
}
