//! What the members of a room must have seen: each one unbroken, ordered piece of the same list.

use super::{Outcome, ensure};

/// What one connection saw of a room.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The ids of the messages, in the order in which they came.
    pub seen: Vec<u64>,
    /// The ids of its own messages that were acknowledged to it.
    pub acknowledged: Vec<u64>,
    /// It was there when the last message was said.
    pub stayed: bool,
}

/// Holds the views of a room against each other; gives how many messages there were.
///
/// Whatever anybody saw or was promised makes the list. Nobody may miss or repeat anything between the first and the last
/// that it saw; whoever stayed must have seen the last; and everybody sees what it said itself and was acknowledged.
///
/// # Errors
/// The first view that is broken, and how.
pub fn check_room(views: &[View]) -> Outcome<usize> {
    let mut all: Vec<u64> = views.iter().flat_map(|view| &view.seen).copied().collect();
    all.sort_unstable();
    all.dedup();
    for (member, view) in views.iter().enumerate() {
        let own = view.acknowledged.iter().find(|id| !view.seen.contains(id));
        ensure(own.is_none(), || format!("member {member} never saw its own acknowledged message {own:?}"))?;
        let Some(first) = view.seen.first() else {
            ensure(!view.stayed || all.is_empty(), || format!("member {member} stayed and saw nothing"))?;
            continue;
        };
        let from = all.partition_point(|id| id < first);
        let piece = all.get(from..from + view.seen.len()).unwrap_or_default();
        ensure(piece == view.seen, || broken(member, &view.seen, &all[from..]))?;
        let last = from + view.seen.len() == all.len();
        ensure(last || !view.stayed, || format!("member {member} stayed and misses the end"))?;
    }
    Ok(all.len())
}

fn broken(member: usize, seen: &[u64], all: &[u64]) -> String {
    let same = seen.iter().zip(all).take_while(|(seen, all)| seen == all).count();
    format!(
        "member {member} saw {:?} after {same} messages of its piece, where {:?} was next",
        seen.get(same),
        all.get(same)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(seen: &[u64], stayed: bool) -> View {
        View { seen: seen.to_vec(), acknowledged: Vec::new(), stayed }
    }

    #[test]
    fn unbroken_pieces_pass() {
        let views = [view(&[1, 2, 3, 4], true), view(&[2, 3], false), view(&[], false), view(&[3, 4], true)];
        assert_eq!(check_room(&views), Ok(4));
    }

    #[test]
    fn what_is_lost_doubled_or_turned_round_is_found() {
        let whole = view(&[1, 2, 3, 4], true);
        for wrong in [&[1, 3][..], &[2, 2], &[2, 3, 2], &[3, 2], &[1, 4]] {
            assert!(check_room(&[whole.clone(), view(wrong, false)]).is_err(), "{wrong:?}");
        }
        assert!(check_room(&[whole.clone(), view(&[1, 2], true)]).is_err(), "the end");
        let own = View { acknowledged: vec![1], ..view(&[2, 3, 4], true) };
        assert!(check_room(&[whole, own]).is_err(), "its own");
    }
}
