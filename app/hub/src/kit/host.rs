//! A kit on one shard: its edge, the places that live here, and the letters between them.

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use fanfare_session::Reply;

use super::context::PlaceContext;
use super::edge::Edge;
use super::traits::{Kit, Message, Place};
use crate::envelope::{DoorId, Kind, Passage, Sender};
use crate::ids::SocketId;
use crate::room::{Roster, shrink};
use crate::state::{Core, Gone};

/// What a room's place is told: the hub's own part, and the kit's.
pub(super) enum Letter<L> {
    Passage(Passage),
    Kit(L),
}

/// A kit's letter that has not left yet.
pub(crate) struct Posted<L> {
    pub(crate) room: Arc<str>,
    pub(crate) from: Sender,
    pub(crate) reply: Option<Reply>,
    pub(super) letter: Letter<L>,
}

/// A kit as its shard sees it.
pub(crate) trait Host {
    fn connecting(&mut self, core: &mut Core, socket: SocketId, auth: &str);
    fn connected(&mut self, core: &mut Core, socket: SocketId);
    fn told(&mut self, core: &mut Core, letter: Box<dyn Any + Send>);
    fn received(&mut self, core: &mut Core, from: SocketId, message: Message<'_>);
    fn disconnected(&mut self, core: &mut Core, socket: SocketId, gone: Gone);
    fn woken(&mut self, core: &mut Core, socket: SocketId);
    fn passage(
        &mut self,
        core: &mut Core,
        room: Arc<str>,
        from: Sender,
        reply: Option<Reply>,
        passage: Passage,
    );
    fn letter(
        &mut self,
        core: &mut Core,
        room: Arc<str>,
        from: Sender,
        reply: Option<Reply>,
        letter: Box<dyn Any + Send>,
    );
    fn tick(&mut self, core: &mut Core, room: &Arc<str>);
    fn places(&self) -> usize;
}

struct Hosted<P> {
    place: P,
    roster: Roster,
    /// The time that the place waits for: one timer is set for it.
    wake_at_ms: Option<u64>,
}

/// [`Host`] for one kind of kit.
pub(crate) struct KitHost<K: Kit> {
    kit: K,
    door: DoorId,
    /// Boxed, so that a table of very many grows quickly: nobody is served meanwhile.
    places: HashMap<Arc<str>, Box<Hosted<K::Place>>>,
    posts: VecDeque<Posted<<K::Place as Place>::Letter>>,
}

type LetterOf<K> = Letter<<<K as Kit>::Place as Place>::Letter>;

impl<K: Kit> KitHost<K> {
    pub(crate) fn new(kit: K, door: DoorId) -> Self {
        Self { kit, door, places: HashMap::new(), posts: VecDeque::new() }
    }

    /// Runs one of the edge's handlers, answers what it left unanswered, then delivers what it posted.
    #[inline]
    fn edge(&mut self, core: &mut Core, run: impl FnOnce(&mut K, &mut Edge<'_, K>)) {
        let mut edge = Edge { core: &mut *core, door: self.door, posts: &mut self.posts };
        let kit = &mut self.kit;
        if catch_unwind(AssertUnwindSafe(|| run(kit, &mut edge))).is_err() {
            core.panicked();
        }
        core.settle_current();
        if !self.posts.is_empty() {
            self.deliver_posts(core);
        }
    }

    fn deliver_posts(&mut self, core: &mut Core) {
        while let Some(posted) = self.posts.pop_front() {
            self.route(core, posted.room, posted.from, posted.reply, posted.letter);
        }
    }

    /// Takes a letter to its place, here or on its own shard.
    fn route(
        &mut self,
        core: &mut Core,
        room: Arc<str>,
        from: Sender,
        reply: Option<Reply>,
        letter: LetterOf<K>,
    ) {
        let home = core.home_of(&room);
        if home == core.shard {
            self.deliver(core, &room, &from, reply, letter);
        } else {
            let door = self.door;
            core.tell(
                home,
                match letter {
                    Letter::Passage(passage) => Kind::Passage { door, room, from, reply, passage },
                    Letter::Kit(letter) => {
                        let cost_bytes = K::Place::cost_bytes(&letter);
                        Kind::Letter { door, room, from, reply, letter: Box::new(letter), cost_bytes }
                    }
                },
            );
        }
    }

    fn deliver(
        &mut self,
        core: &mut Core,
        room: &Arc<str>,
        from: &Sender,
        reply: Option<Reply>,
        letter: LetterOf<K>,
    ) {
        core.set_current(from.socket, reply);
        self.in_place(core, room, |place, cx| match letter {
            Letter::Passage(Passage::Join) => {
                let new = cx.roster.insert(from, cx.core.now.unix_ms);
                cx.membership(from.socket, true);
                if new {
                    place.joined(cx, from);
                }
            }
            Letter::Passage(Passage::Leave | Passage::Gone) => {
                let known = cx.roster.remove(from.socket);
                cx.membership(from.socket, false);
                if known {
                    place.left(cx, from);
                }
            }
            Letter::Kit(letter) => {
                cx.roster.refresh(from);
                place.letter(cx, from, letter);
            }
        });
        core.settle_current();
    }

    /// Runs something in a room's place, which is made for it where it is missing and goes when nobody is in it.
    fn in_place(
        &mut self,
        core: &mut Core,
        room: &Arc<str>,
        run: impl FnOnce(&mut K::Place, &mut PlaceContext<'_>),
    ) {
        let kit = &mut self.kit;
        let hosted = self.places.entry(Arc::clone(room)).or_insert_with(|| {
            let place = kit.place(room);
            Box::new(Hosted { place, roster: Roster::default(), wake_at_ms: None })
        });
        let Hosted { place, roster, wake_at_ms } = &mut **hosted;
        let set_at_ms = *wake_at_ms;
        let mut cx = PlaceContext { core: &mut *core, door: self.door, room, roster, wake_at_ms };
        if catch_unwind(AssertUnwindSafe(|| run(place, &mut cx))).is_err() {
            core.panicked();
        }
        let wake_at_ms = hosted.wake_at_ms.filter(|_| !hosted.roster.is_empty());
        if set_at_ms != wake_at_ms {
            // A room that comes and goes would leave a timer each time.
            if let Some(at_ms) = set_at_ms {
                core.cancel_place(self.door, room, at_ms);
            }
            if let Some(at_ms) = wake_at_ms {
                core.wake_place(self.door, room, at_ms);
            }
        }
        if hosted.roster.is_empty() {
            self.places.remove(room);
            shrink(&mut self.places);
        }
    }
}

impl<K: Kit> Host for KitHost<K> {
    fn connecting(&mut self, core: &mut Core, socket: SocketId, auth: &str) {
        self.edge(core, |kit, cx| kit.connecting(cx, socket, auth));
    }

    fn told(&mut self, core: &mut Core, letter: Box<dyn Any + Send>) {
        core.clear_current();
        self.edge(core, |kit, cx| kit.told(cx, letter));
    }

    fn connected(&mut self, core: &mut Core, socket: SocketId) {
        self.edge(core, |kit, cx| kit.connected(cx, socket));
    }

    fn received(&mut self, core: &mut Core, from: SocketId, message: Message<'_>) {
        self.edge(core, |kit, cx| kit.received(cx, from, message));
    }

    fn disconnected(&mut self, core: &mut Core, socket: SocketId, gone: Gone) {
        self.edge(core, |kit, cx| kit.disconnected(cx, socket, gone));
    }

    fn woken(&mut self, core: &mut Core, socket: SocketId) {
        self.edge(core, |kit, cx| kit.woken(cx, socket));
    }

    fn passage(
        &mut self,
        core: &mut Core,
        room: Arc<str>,
        from: Sender,
        reply: Option<Reply>,
        passage: Passage,
    ) {
        self.route(core, room, from, reply, Letter::Passage(passage));
    }

    fn letter(
        &mut self,
        core: &mut Core,
        room: Arc<str>,
        from: Sender,
        reply: Option<Reply>,
        letter: Box<dyn Any + Send>,
    ) {
        // Both ends of a mailbox run the same kits, so the letter is of this kit's kind.
        if let Ok(letter) = letter.downcast::<<K::Place as Place>::Letter>() {
            self.deliver(core, &room, &from, reply, Letter::Kit(*letter));
        }
    }

    fn tick(&mut self, core: &mut Core, room: &Arc<str>) {
        let Some(hosted) = self.places.get_mut(room) else { return };
        hosted.wake_at_ms = None;
        core.clear_current();
        self.in_place(core, room, |place, cx| place.tick(cx));
    }

    fn places(&self) -> usize {
        self.places.len()
    }
}
