//! What the connections of a run say to each other: echoes, and one that speaks to all others.

use std::collections::VecDeque;
use std::time::Instant;

use super::message::Template;
use crate::report::Recorder;

/// What is said, by whom, and when it has arrived.
pub(crate) trait Talk {
    /// Who says the next message of an open loop; `can` tells who is able to.
    fn next_speaker(&mut self, can: &dyn Fn(usize) -> bool) -> Option<usize>;

    /// Who may say one more of a closed loop. Whoever is named here speaks, or is gone.
    fn free_speaker(&mut self) -> Option<usize>;

    /// Connection `speaker` says a message that was meant to go out at `intended`: it goes to `out`.
    fn say(&mut self, speaker: usize, intended: Instant, out: &mut Vec<u8>);

    /// A message has come; false where it is none of this run.
    fn arrived(&mut self, hearer: usize, message: &[u8], now: Instant, recorder: &mut Recorder) -> bool;

    /// A connection is no more; false where nothing can be said without it.
    fn lost(&mut self, index: usize) -> bool;

    /// Arrivals that are still waited for: when each was meant to go out, and how many of them there are.
    fn outstanding(&self) -> Box<dyn Iterator<Item = (Instant, u64)> + '_>;

    /// How many arrivals a message makes.
    fn hearers(&self) -> u64;

    /// Whether nothing is waited for.
    fn is_quiet(&self) -> bool;

    /// Arrivals that can no longer come, since later ones have.
    fn skipped(&self) -> u64;
}

/// Each connection hears what it says.
pub(crate) struct Echo {
    template: Template,
    /// What each connection waits for: number and time.
    waiting: Vec<VecDeque<(u64, Instant)>>,
    count: u64,
    next: u64,
    turn: usize,
    free: Vec<usize>,
}

impl Echo {
    /// Each connection may have so many messages under way, where the loop is a closed one.
    pub(crate) fn new(template: Template, connections: usize, in_flight: u32) -> Self {
        let free = (0..connections).flat_map(|index| (0..in_flight).map(move |_| index)).collect();
        Self { template, waiting: vec![VecDeque::new(); connections], count: 0, next: 0, turn: 0, free }
    }
}

impl Talk for Echo {
    fn next_speaker(&mut self, can: &dyn Fn(usize) -> bool) -> Option<usize> {
        let all = self.waiting.len();
        let speaker = (0..all).map(|step| (self.turn + step) % all).find(|index| can(*index))?;
        self.turn = (speaker + 1) % all;
        Some(speaker)
    }

    fn free_speaker(&mut self) -> Option<usize> {
        self.free.pop()
    }

    fn say(&mut self, speaker: usize, intended: Instant, out: &mut Vec<u8>) {
        self.template.write(out, self.next);
        self.waiting[speaker].push_back((self.next, intended));
        self.next += 1;
        self.count += 1;
    }

    fn arrived(&mut self, hearer: usize, message: &[u8], now: Instant, recorder: &mut Recorder) -> bool {
        let Some((number, intended)) = self.waiting[hearer].front().copied() else { return false };
        if self.template.distance(message, number) != Some(0) {
            return false;
        }
        self.waiting[hearer].pop_front();
        self.count -= 1;
        self.free.push(hearer);
        recorder.arrived(intended, now, 1);
        true
    }

    fn lost(&mut self, index: usize) -> bool {
        self.count -= self.waiting[index].len() as u64;
        self.waiting[index].clear();
        true
    }

    fn outstanding(&self) -> Box<dyn Iterator<Item = (Instant, u64)> + '_> {
        Box::new(self.waiting.iter().flatten().map(|(_, intended)| (*intended, 1)))
    }

    fn hearers(&self) -> u64 {
        1
    }

    fn is_quiet(&self) -> bool {
        self.count == 0
    }

    fn skipped(&self) -> u64 {
        0
    }
}

/// The first connection speaks, and every other hears it.
pub(crate) struct FanOut {
    template: Template,
    /// The next number that each connection is to hear; `None` for one that is gone, and for the speaker.
    expected: Vec<Option<u64>>,
    /// Messages that not everybody has heard: when each was meant to go out, and how many have not.
    waiting: VecDeque<(Instant, u64)>,
    /// The number of the first of those.
    first: u64,
    in_flight: usize,
    skipped: u64,
}

impl FanOut {
    /// The speaker may have so many messages under way, where the loop is a closed one.
    pub(crate) fn new(template: Template, connections: usize, in_flight: u32) -> Self {
        let mut expected = vec![Some(0); connections];
        expected[0] = None;
        let in_flight = usize::try_from(in_flight).unwrap_or(usize::MAX);
        Self { template, expected, waiting: VecDeque::new(), first: 0, in_flight, skipped: 0 }
    }

    /// Whether everybody has heard something.
    pub(crate) fn everybody_hears(&self) -> bool {
        self.deaf() == 0
    }

    /// How many have heard nothing.
    pub(crate) fn deaf(&self) -> usize {
        self.expected.iter().flatten().filter(|next| **next == 0).count()
    }

    /// Nothing that was said so far is waited for.
    pub(crate) fn begin_anew(&mut self) {
        self.first += self.waiting.len() as u64;
        self.waiting.clear();
        self.skipped = 0;
        for next in self.expected.iter_mut().flatten() {
            *next = self.first;
        }
    }

    /// One who waited for this message waits for it no longer.
    fn tick_off(&mut self, number: u64) -> Option<Instant> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let (intended, left) = self.waiting.get_mut(index)?;
        *left = left.saturating_sub(1);
        Some(*intended)
    }

    fn drop_heard(&mut self) {
        while self.waiting.front().is_some_and(|(_, left)| *left == 0) {
            self.waiting.pop_front();
            self.first += 1;
        }
    }
}

impl Talk for FanOut {
    fn next_speaker(&mut self, can: &dyn Fn(usize) -> bool) -> Option<usize> {
        can(0).then_some(0)
    }

    fn free_speaker(&mut self) -> Option<usize> {
        (self.waiting.len() < self.in_flight).then_some(0)
    }

    fn say(&mut self, _: usize, intended: Instant, out: &mut Vec<u8>) {
        self.template.write(out, self.first + self.waiting.len() as u64);
        self.waiting.push_back((intended, self.hearers()));
    }

    fn arrived(&mut self, hearer: usize, message: &[u8], now: Instant, recorder: &mut Recorder) -> bool {
        let Some(expected) = self.expected[hearer] else { return false };
        let said = self.first + self.waiting.len() as u64;
        let distance = self.template.distance(message, expected);
        let Some(number) = distance.map(|distance| expected + distance).filter(|number| *number < said)
        else {
            return false;
        };
        for skipped in expected..number {
            self.skipped += 1;
            self.tick_off(skipped);
        }
        if let Some(intended) = self.tick_off(number) {
            recorder.arrived(intended, now, 1);
        }
        self.expected[hearer] = Some(number + 1);
        self.drop_heard();
        true
    }

    fn lost(&mut self, index: usize) -> bool {
        let said = self.first + self.waiting.len() as u64;
        if let Some(expected) = self.expected[index].take() {
            for number in expected..said {
                self.tick_off(number);
            }
            self.drop_heard();
        }
        index != 0 && self.expected.iter().any(Option::is_some)
    }

    fn outstanding(&self) -> Box<dyn Iterator<Item = (Instant, u64)> + '_> {
        Box::new(self.waiting.iter().copied())
    }

    fn hearers(&self) -> u64 {
        self.expected.iter().flatten().count() as u64
    }

    fn is_quiet(&self) -> bool {
        self.waiting.is_empty()
    }

    fn skipped(&self) -> u64 {
        self.skipped
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::run::message::Form;
    use crate::wire::Kind;

    fn template() -> Template {
        Template::new(Form::Bare(Kind::Text), 12)
    }

    fn recorder() -> (Recorder, Instant) {
        let now = Instant::now();
        (Recorder::new(now, now, now + Duration::from_secs(10)), now)
    }

    /// Message `number` as a server hands it on.
    fn back(number: u64) -> String {
        format!("{number:012x}").chars().rev().collect()
    }

    #[test]
    fn an_echo_frees_its_speaker_and_strangers_do_not_count() {
        let (mut recorder, now) = recorder();
        let mut echo = Echo::new(template(), 2, 1);
        let mut out = Vec::new();
        while let Some(speaker) = echo.free_speaker() {
            echo.say(speaker, now, &mut out);
        }
        // Connection 1 spoke first.
        assert!(!echo.arrived(0, back(0).as_bytes(), now, &mut recorder));
        assert!(!echo.arrived(1, b"welcome", now, &mut recorder));
        assert!(echo.arrived(1, back(0).as_bytes(), now, &mut recorder));
        assert_eq!((echo.free_speaker(), echo.free_speaker()), (Some(1), None));
        assert_eq!((echo.outstanding().count(), recorder.total()), (1, 1));
        assert!(echo.lost(0) && echo.is_quiet());
    }

    #[test]
    fn an_open_loop_takes_turns_with_those_who_can_speak() {
        let mut echo = Echo::new(template(), 3, 0);
        let can = |index| index != 1;
        let turns: Vec<_> = (0..4).map(|_| echo.next_speaker(&can)).collect();
        assert_eq!(turns, [Some(0), Some(2), Some(0), Some(2)]);
        assert_eq!(echo.next_speaker(&|_| false), None);
    }

    #[test]
    fn a_message_is_done_when_the_last_has_heard_it_or_never_will() {
        let (mut recorder, now) = recorder();
        let mut talk = FanOut::new(template(), 4, 2);
        let mut out = Vec::new();
        while let Some(speaker) = talk.free_speaker() {
            talk.say(speaker, now, &mut out);
        }
        assert!(talk.arrived(1, back(0).as_bytes(), now, &mut recorder));
        assert!(!talk.arrived(1, back(2).as_bytes(), now, &mut recorder), "nobody said that");
        assert!(!talk.arrived(0, back(0).as_bytes(), now, &mut recorder), "the speaker is no hearer");
        // The second never heard the first message, the third is gone.
        assert!(talk.arrived(2, back(1).as_bytes(), now, &mut recorder));
        assert_eq!((talk.skipped(), talk.free_speaker()), (1, None));
        assert!(talk.lost(3));
        assert_eq!(talk.free_speaker(), Some(0));
        assert!(talk.arrived(1, back(1).as_bytes(), now, &mut recorder) && talk.is_quiet());
        assert_eq!(recorder.total(), 3);
        assert!(!talk.lost(0));
    }
}
