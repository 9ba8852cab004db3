//! A namespace's handlers as a kit: each event is a future, polled once in its turn and a task only where it waits.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use fanfare_driver::Remote;
use fanfare_hub::{Edge, Gone, Kit, Message, PlainPlace, SocketEvent, SocketId};
use serde_json::{Value, json};
use tokio::task::AbortHandle;

use super::acknowledgements::Acknowledgements;
use super::args::Args;
use super::builder::Handlers;
use super::command::{Command, ask, give_back, in_turn};
use super::conversation::{Conversation, LEFT_BEHIND_BYTES_MAX, LEFT_BEHIND_TOTAL_BYTES_MAX, Work};
use super::extract::{Context, DisconnectReason, Event, States};
use super::handle::AppId;
use super::handler::{Erased, Failure, Handling};
use super::refusal::Refusal;
use super::socket::Socket;
use super::table::SocketTable;

/// How long a handler may go on after its client has gone.
const GRACE: Duration = Duration::from_secs(30);

/// What makes the kit of one namespace the same on every shard.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) app: AppId,
    pub(crate) handlers: Arc<Handlers>,
    pub(crate) states: Arc<States>,
    /// `None` where many names lead here, each a namespace of its own.
    pub(crate) name: Option<Arc<str>>,
}

/// One namespace, or all that fit a pattern, on one shard.
pub(crate) struct NamespaceKit {
    pub(super) setup: Setup,
    remote: Remote,
    conversations: SocketTable<Conversation>,
    /// What clients have left behind that are not there any more.
    left_bytes: usize,
    /// Middlewares that wait.
    asking: SocketTable<AbortHandle>,
    /// What is known of clients that gave an auth payload or whose handshake is kept, and of all where names differ.
    contexts: SocketTable<Arc<Context>>,
    plain: Arc<Context>,
    pub(super) owed: Acknowledgements,
    pub(super) data: SocketTable<Value>,
}

impl NamespaceKit {
    pub(crate) fn new(setup: Setup, remote: Remote) -> Self {
        let plain = Context {
            namespace: setup.name.clone().unwrap_or_default(),
            states: Arc::clone(&setup.states),
            ..Context::default()
        };
        Self {
            setup,
            remote,
            conversations: SocketTable::default(),
            left_bytes: 0,
            asking: SocketTable::default(),
            contexts: SocketTable::default(),
            plain: Arc::new(plain),
            owed: Acknowledgements::default(),
            data: SocketTable::default(),
        }
    }

    pub(super) fn context(&self, socket: SocketId) -> &Arc<Context> {
        self.contexts.get(&socket).unwrap_or(&self.plain)
    }

    fn event(&self, cx: &Edge<'_, Self>, socket: SocketId, name: Arc<str>) -> Event {
        Event {
            socket: Socket {
                app: self.setup.app,
                door: cx.door(),
                id: socket,
                instance: cx.instance(),
                volatile: false,
                timeout: None,
            },
            name,
            args: Args::new(),
            next: 0,
            id: None,
            context: Arc::clone(self.context(socket)),
            reason: None,
        }
    }

    /// Does something, or lets it wait behind what its client said before.
    fn enqueue(&mut self, cx: &mut Edge<'_, Self>, socket: SocketId, work: Work) {
        if let Some(conversation) = self.conversations.get_mut(&socket) {
            conversation.waiting_bytes += work.bytes();
            if conversation.waiting_bytes <= LEFT_BEHIND_BYTES_MAX || matches!(work, Work::Disconnect(_)) {
                conversation.waiting.push_back(work);
            }
            return;
        }
        let running_bytes = work.bytes();
        if let Some(running) = self.begin(cx, socket, work) {
            let conversation =
                Conversation { running: Some(running), running_bytes, ..Conversation::default() };
            self.conversations.insert(socket, conversation);
            cx.busy(socket, true);
            cx.hold(socket);
        }
    }

    /// Begins something; gives its task where it waits.
    fn begin(&mut self, cx: &mut Edge<'_, Self>, socket: SocketId, work: Work) -> Option<AbortHandle> {
        let handlers = Arc::clone(&self.setup.handlers);
        match work {
            Work::Connect => {
                let handler = handlers.connect.as_ref()?;
                let event = self.event(cx, socket, "connect".into());
                self.run(cx, event, |event| handler(event))
            }
            Work::Disconnect(reason) => {
                let handler = handlers.disconnect.as_ref()?;
                let event = Event { reason: Some(reason), ..self.event(cx, socket, "disconnect".into()) };
                self.run(cx, event, |event| handler(event))
            }
            Work::Event(event) => match handlers.only(&event.name) {
                Some(handler) => self.run(cx, event, |event| handler(event)),
                None => {
                    let all = handlers.of(&event.name);
                    if all.is_empty() {
                        return None;
                    }
                    self.run(cx, event, |event| one_after_another(all, event))
                }
            },
        }
    }

    /// Polls a handler once. Where it waits it becomes a task, which says when it has ended.
    fn run(
        &mut self,
        cx: &mut Edge<'_, Self>,
        event: Event,
        begin: impl FnOnce(Event) -> Handling,
    ) -> Option<AbortHandle> {
        let (socket, id, is_connect) = (event.socket, event.id, &*event.name == "connect");
        let (handling, asked) = in_turn(self.setup.app, cx.shard(), cx.door(), || {
            let mut handling = begin(event);
            match poll(&mut handling, &mut TaskContext::from_waker(Waker::noop())) {
                Poll::Ready(outcome) => {
                    report(socket, id, is_connect, outcome);
                    None
                }
                Poll::Pending => Some(handling),
            }
        });
        self.execute_all(cx, asked);
        let mut handling = handling?;
        let ending = Ending { remote: self.remote.clone(), socket };
        let task = tokio::task::spawn_local(async move {
            let _ending = ending;
            report(socket, id, is_connect, poll_fn(|cx| poll(&mut handling, cx)).await);
        });
        Some(task.abort_handle())
    }

    fn execute_all(&mut self, cx: &mut Edge<'_, Self>, mut asked: Vec<Command>) {
        for command in asked.drain(..) {
            self.execute(cx, command);
        }
        give_back(asked);
    }

    /// A handler that waited has ended: what waits behind it follows.
    pub(super) fn go_on(&mut self, cx: &mut Edge<'_, Self>, socket: SocketId) {
        while let Some(conversation) = self.conversations.get_mut(&socket) {
            let Some(work) = conversation.waiting.pop_front() else {
                self.left_bytes -= conversation.left_bytes;
                self.conversations.remove(&socket);
                cx.busy(socket, false);
                cx.release(socket);
                if !cx.is_connected(socket) {
                    self.forget(socket);
                }
                break;
            };
            let running_bytes = work.bytes();
            let running = self.begin(cx, socket, work);
            let waits = running.is_some();
            if let Some(conversation) = self.conversations.get_mut(&socket) {
                (conversation.running, conversation.running_bytes) = (running, running_bytes);
            }
            if waits {
                break;
            }
        }
    }

    fn forget(&mut self, socket: SocketId) {
        self.contexts.remove(&socket);
        self.data.remove(&socket);
    }

    pub(super) fn decided(
        &mut self,
        cx: &mut Edge<'_, Self>,
        socket: SocketId,
        decision: Result<(), Refusal>,
    ) {
        self.asking.remove(&socket);
        match decision {
            Ok(()) => cx.admit(socket),
            Err(refusal) => {
                let data = refusal.data.map(|data| data.to_string());
                cx.refuse_entry(socket, &refusal.message, data.as_deref());
            }
        }
    }

    /// The longest that a client's handlers may go on after it has gone is over: only its going is still to be handled, within
    /// the same time.
    pub(super) fn give_up(&mut self, cx: &Edge<'_, Self>, socket: SocketId) {
        let Some(conversation) = self.conversations.get_mut(&socket) else { return };
        conversation.waiting.retain(|work| matches!(work, Work::Disconnect(_)));
        if let Some(running) = conversation.running.take() {
            // Its ending says so, as any other does.
            running.abort();
        }
        self.give_up_after(GRACE, cx, socket);
    }

    fn give_up_after(&self, grace: Duration, cx: &Edge<'_, Self>, socket: SocketId) {
        let (app, door, shard) = (self.setup.app, cx.door(), cx.shard());
        tokio::task::spawn_local(async move {
            tokio::time::sleep(grace).await;
            ask(app, shard, door, Command::GiveUp(socket));
        });
    }
}

/// Middlewares and handlers of one event: what the first refuses the others do not see.
fn one_after_another(all: Vec<Erased>, event: Event) -> Handling {
    Box::pin(async move {
        for handler in all {
            handler(event.clone()).await?;
        }
        Ok(())
    })
}

/// Polls a handler. One that panics has failed, and its client hears of that as of any other error.
fn poll(handling: &mut Handling, cx: &mut TaskContext<'_>) -> Poll<Result<(), Failure>> {
    let polled = catch_unwind(AssertUnwindSafe(|| handling.as_mut().poll(cx)));
    polled.unwrap_or_else(|_| Poll::Ready(Err(Failure::Failed("it panicked".to_owned()))))
}

/// Tells a client that its event was not handled, as the protocol has it.
fn report(socket: Socket, id: Option<u64>, is_connect: bool, outcome: Result<(), Failure>) {
    let (error, code, data) = match outcome {
        Ok(()) => return,
        Err(Failure::Rejected(rejection)) => (rejection.to_string(), "invalid_message", None),
        Err(Failure::Refused(refusal)) if refusal.message.is_empty() => return,
        Err(Failure::Refused(refusal)) => (refusal.message, "forbidden", refusal.data),
        Err(Failure::Failed(error)) => {
            tracing::warn!(%error, socket = socket.id(), "a handler failed");
            ("Internal error".to_owned(), "internal", None)
        }
    };
    if is_connect {
        // Whoever was not welcomed as was meant would only seem to be there.
        socket.disconnect();
    } else if let Some(id) = id {
        let mut answer = json!({ "ok": false, "error": error, "code": code });
        if let Some(data) = data {
            answer["data"] = data;
        }
        let args = Args { json: answer.to_string(), attachments: Vec::new() };
        ask(socket.app, socket.id.shard(), socket.door, Command::Acknowledge(socket.id, id, args));
    } else if code != "internal" {
        // It has a JSON form, and its name is not reserved.
        let _ = socket.emit("error", &json!({ "message": error, "code": code }));
    }
}

/// The end of a handler that has waited, whatever way it comes.
struct Ending {
    remote: Remote,
    socket: Socket,
}

impl Drop for Ending {
    fn drop(&mut self) {
        let letter: Box<dyn Any + Send> = Box::new(Command::Done(self.socket.id));
        self.remote.tell_kit(self.socket.id.shard(), self.socket.door, letter);
    }
}

impl Kit for NamespaceKit {
    type Place = PlainPlace;

    fn connecting(&mut self, cx: &mut Edge<'_, Self>, socket: SocketId, auth: &str) {
        let handshake = cx.handshake(socket);
        if auth != "{}" || handshake.is_some() || self.setup.name.is_none() {
            let context = Context {
                namespace: cx.namespace(socket).unwrap_or_default(),
                auth: if auth == "{}" { "".into() } else { auth.into() },
                handshake,
                states: Arc::clone(&self.setup.states),
            };
            self.contexts.insert(socket, Arc::new(context));
        }
        if self.setup.handlers.middlewares.is_empty() {
            return cx.admit(socket);
        }
        let event = self.event(cx, socket, "connect".into());
        let (app, door, shard) = (self.setup.app, cx.door(), cx.shard());
        let mut asking = one_after_another(self.setup.handlers.middlewares.clone(), event);
        let (polled, asked) =
            in_turn(app, shard, door, || poll(&mut asking, &mut TaskContext::from_waker(Waker::noop())));
        self.execute_all(cx, asked);
        match polled {
            Poll::Ready(outcome) => self.decided(cx, socket, decision(outcome)),
            Poll::Pending => {
                let task = tokio::task::spawn_local(async move {
                    let decision = decision(poll_fn(|cx| poll(&mut asking, cx)).await);
                    ask(app, shard, door, Command::Decided(socket, decision));
                });
                self.asking.insert(socket, task.abort_handle());
            }
        }
    }

    fn connected(&mut self, cx: &mut Edge<'_, Self>, socket: SocketId) {
        if self.setup.name.is_none() {
            let everyone = self.key(&self.context(socket).namespace, None);
            self.join(cx, socket, &everyone);
        }
        self.enqueue(cx, socket, Work::Connect);
    }

    fn received(&mut self, cx: &mut Edge<'_, Self>, from: SocketId, message: Message<'_>) {
        match message {
            Message::Event(SocketEvent { name, arguments, attachments, id }) => {
                let event = Event {
                    args: Args { json: arguments.to_owned(), attachments },
                    id,
                    ..self.event(cx, from, self.setup.handlers.known(&name))
                };
                self.enqueue(cx, from, Work::Event(event));
            }
            Message::Acknowledged { id, arguments, attachments } => {
                self.owed.came(from, id, Args { json: arguments.to_owned(), attachments });
            }
            Message::Request(_) | Message::Text(_) | Message::Binary(_) => {}
        }
    }

    fn told(&mut self, cx: &mut Edge<'_, Self>, letter: Box<dyn Any + Send>) {
        if let Ok(command) = letter.downcast::<Command>() {
            self.execute(cx, *command);
        }
    }

    fn disconnected(&mut self, cx: &mut Edge<'_, Self>, socket: SocketId, gone: Gone) {
        self.owed.gone(socket);
        if !cx.was_admitted(socket) {
            if let Some(asking) = self.asking.remove(&socket) {
                asking.abort();
            }
            return self.forget(socket);
        }
        self.enqueue(cx, socket, Work::Disconnect(DisconnectReason::of(gone)));
        let Some(conversation) = self.conversations.get_mut(&socket) else { return self.forget(socket) };
        let left_bytes = conversation.waiting_bytes + conversation.running_bytes;
        if self.left_bytes + left_bytes > LEFT_BEHIND_TOTAL_BYTES_MAX {
            return self.give_up(cx, socket);
        }
        conversation.left_bytes = left_bytes;
        self.left_bytes += left_bytes;
        let grace = if cx.was_waited_for(socket) { Duration::ZERO } else { GRACE };
        self.give_up_after(grace, cx, socket);
    }

    fn place(&mut self, _: &str) -> PlainPlace {
        PlainPlace
    }
}

/// What the middlewares say, in words for the client.
fn decision(outcome: Result<(), Failure>) -> Result<(), Refusal> {
    outcome.map_err(|failure| match failure {
        Failure::Refused(refusal) => refusal,
        Failure::Rejected(rejection) => Refusal::new(rejection.to_string()),
        Failure::Failed(error) => {
            tracing::warn!(%error, "a middleware failed");
            Refusal::new("Internal error")
        }
    })
}
