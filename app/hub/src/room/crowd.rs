//! Connections of one shard that are told the same: a room's members, or everyone at a door.

use smallvec::SmallVec;

use crate::fanout::Variant;

/// How one of them takes what all are sent: the same bytes as the others of its variant, or, `None`, in its own way.
pub(crate) type Kind = Option<Variant>;

/// A list of slots.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    slots: Vec<u32>,
    /// How many there are of each kind: one kind in most crowds, two where somebody takes binary messages.
    kinds: SmallVec<[(Kind, u32); 2]>,
}

impl Crowd {
    pub(crate) fn slots(&self) -> &[u32] {
        &self.slots
    }

    /// Adds one; returns where it stands.
    pub(crate) fn enter(&mut self, slot: u32, kind: Kind) -> Option<u32> {
        self.slots.push(slot);
        self.count(kind);
        u32::try_from(self.slots.len() - 1).ok()
    }

    /// Takes the one at `position` out. Returns the slot that now stands there instead, if one does.
    pub(crate) fn exit(&mut self, position: u32, kind: Kind) -> Option<u32> {
        let position = position as usize;
        if position < self.slots.len() {
            self.slots.swap_remove(position);
            self.discount(kind);
        }
        if self.slots.len() * 4 < self.slots.capacity() {
            self.slots.shrink_to(self.slots.len() * 2);
        }
        self.slots.get(position).copied()
    }

    /// One of them is of another kind from now on.
    pub(crate) fn change_kind(&mut self, before: Kind, after: Kind) {
        self.discount(before);
        self.count(after);
    }

    /// The variant of all of them, but for one of the kind `except`; `None` where there are several, or nobody is left.
    pub(crate) fn only_variant(&self, except: Option<Kind>) -> Option<Variant> {
        let mut kinds = self.kinds.iter().filter(|(kind, count)| *count > 1 || Some(*kind) != except);
        let (kind, _) = kinds.next()?;
        if kinds.next().is_none() { *kind } else { None }
    }

    /// Lends the list out, to be put back with [`Crowd::restore`] before anybody comes or goes.
    pub(crate) fn lend(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.slots)
    }

    pub(crate) fn restore(&mut self, slots: Vec<u32>) {
        self.slots = slots;
    }

    fn count(&mut self, kind: Kind) {
        match self.kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => self.kinds.push((kind, 1)),
        }
    }

    fn discount(&mut self, kind: Kind) {
        let Some(at) = self.kinds.iter().position(|(known, _)| *known == kind) else {
            debug_assert!(false, "nobody here is {kind:?}");
            return;
        };
        self.kinds[at].1 -= 1;
        if self.kinds[at].1 == 0 {
            self.kinds.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_shrinks_when_less_than_a_quarter_of_it_is_in_use() {
        let mut crowd = Crowd::default();
        crowd.restore(Vec::with_capacity(64));
        for slot in 0..64 {
            assert_eq!(crowd.enter(slot, None), Some(slot));
        }
        for position in (16..64).rev() {
            crowd.exit(position, None);
            assert_eq!(crowd.slots.capacity(), 64, "{position} are left");
        }
        crowd.exit(15, None);
        assert_eq!(crowd.slots.capacity(), 30);
    }

    #[test]
    fn whoever_takes_a_place_in_the_list_is_named() {
        let mut crowd = Crowd::default();
        for slot in [7, 8, 9] {
            crowd.enter(slot, None);
        }
        assert_eq!(crowd.exit(0, None), Some(9));
        assert_eq!(crowd.exit(1, None), None, "the last leaves nobody to be moved");
        assert_eq!(crowd.exit(1, None), None, "nobody stands there");
        assert_eq!(crowd.lend(), [9]);
    }

    #[test]
    fn it_is_known_whether_all_but_one_are_of_one_variant() {
        let mut crowd = Crowd::default();
        let [text, bytes] = [false, true].map(|wants_binary| Variant { wants_binary, ..Variant::default() });
        assert_eq!(crowd.only_variant(None), None, "nobody is there");
        crowd.enter(0, Some(text));
        assert_eq!(crowd.only_variant(None), Some(text));
        assert_eq!(crowd.only_variant(Some(Some(text))), None, "nobody else");
        crowd.enter(1, Some(text));
        assert_eq!(crowd.only_variant(Some(Some(text))), Some(text));
        crowd.enter(2, Some(bytes));
        assert_eq!(crowd.only_variant(None), None);
        assert_eq!(crowd.only_variant(Some(Some(text))), None);
        assert_eq!(crowd.only_variant(Some(Some(bytes))), Some(text), "all but the one");
        crowd.change_kind(Some(text), Some(bytes));
        crowd.change_kind(Some(text), Some(bytes));
        assert_eq!(crowd.only_variant(None), Some(bytes));
        crowd.enter(3, None);
        assert_eq!(crowd.only_variant(None), None);
        assert_eq!(crowd.only_variant(Some(None)), Some(bytes));
        for _ in 0..3 {
            crowd.exit(0, Some(bytes));
        }
        assert_eq!(crowd.only_variant(None), None, "the one that is left takes it in its own way");
    }
}
