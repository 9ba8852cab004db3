//! Handlers: async closures whose parameters are taken from the event.

use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::extract::{Event, Extract, Rejection};
use super::refusal::Refusal;

/// How a handler ended.
///
/// ```
/// use fanfare::{Failure, Reply};
///
/// /// What our handlers return: only what matters is a failure.
/// struct Lenient(Result<(), String>);
///
/// impl Reply for Lenient {
///     fn reply(self) -> Result<(), Failure> {
///         match self.0 {
///             Err(error) if error.starts_with("fatal") => Err(Failure::Failed(error)),
///             _ => Ok(()),
///         }
///     }
/// }
/// ```
#[derive(Debug)]
pub enum Failure {
    /// A parameter was not to be had from the event.
    Rejected(Rejection),
    /// A middleware does not let it pass.
    Refused(Refusal),
    /// It returned an error or panicked. Why is logged; its client is told only that there was an internal error.
    Failed(String),
}

pub(crate) type Handling = Pin<Box<dyn Future<Output = Result<(), Failure>>>>;

/// What a handler may return: nothing, or a result.
///
/// ```
/// use fanfare::Reply;
///
/// assert!(().reply().is_ok());
/// assert!(Err::<(), _>("it went wrong").reply().is_err());
/// ```
pub trait Reply {
    /// The error, in words for the log.
    ///
    /// # Errors
    /// Where the handler failed.
    fn reply(self) -> Result<(), Failure>;
}

impl Reply for () {
    fn reply(self) -> Result<(), Failure> {
        Ok(())
    }
}

impl<E: Display> Reply for Result<(), E> {
    fn reply(self) -> Result<(), Failure> {
        self.map_err(|error| Failure::Failed(error.to_string()))
    }
}

/// An async closure that can handle an event: `async |socket: Socket, Json(said): Json<Said>, ack: Ack| { … }`, with up to six
/// parameters, each an [`Extract`].
///
/// ```
/// use fanfare::{EventHandler, Json, Namespace, Reply, Socket};
///
/// /// Any handler, under two names.
/// fn twice<A, R: Reply + 'static>(namespace: Namespace, handler: impl EventHandler<A, R> + Clone) -> Namespace {
///     namespace.on("say", handler.clone()).on("tell", handler)
/// }
///
/// let app = fanfare::App::new().namespace("/", |root| {
///     twice(root, async |socket: Socket, Json(text): Json<String>| socket.broadcast().emit("said", &text))
/// });
/// ```
pub trait EventHandler<A, R>: Send + Sync + 'static {
    /// Whether one of its parameters may look at the handshake.
    #[doc(hidden)]
    const NEEDS_HANDSHAKE: bool;

    /// Begins to handle an event; `end` makes of what comes of it how it ended.
    #[doc(hidden)]
    fn handle(self: Arc<Self>, event: Event, end: fn(R) -> Result<(), Failure>) -> Handling;
}

macro_rules! handler {
    ($($parameter:ident $extract:ident),*) => {
        impl<F, R, $($parameter),*> EventHandler<($($parameter,)*), R> for F
        where
            F: AsyncFn($($parameter),*) -> R + Send + Sync + 'static,
            R: 'static,
            $($parameter: Extract + 'static,)*
        {
            const NEEDS_HANDSHAKE: bool = false $(|| $parameter::NEEDS_HANDSHAKE)*;

            #[allow(non_snake_case, unused_mut, unused_variables, reason = "values go by the names of their types")]
            fn handle(self: Arc<Self>, mut event: Event, end: fn(R) -> Result<(), Failure>) -> Handling {
                $(let $parameter = match $parameter::$extract(&mut event) {
                    Ok(parameter) => parameter,
                    Err(rejection) => return Box::pin(std::future::ready(Err(Failure::Rejected(rejection)))),
                };)*
                Box::pin(async move { end(self($($parameter),*).await) })
            }
        }
    };
}

handler!();
handler!(A1 extract_last);
handler!(A1 extract, A2 extract_last);
handler!(A1 extract, A2 extract, A3 extract_last);
handler!(A1 extract, A2 extract, A3 extract, A4 extract_last);
handler!(A1 extract, A2 extract, A3 extract, A4 extract, A5 extract_last);
handler!(A1 extract, A2 extract, A3 extract, A4 extract, A5 extract, A6 extract_last);

/// A handler, whatever it takes.
pub(crate) type Erased = Arc<dyn Fn(Event) -> Handling + Send + Sync>;

/// A handler of events.
pub(crate) fn erased<A, R: Reply + 'static>(handler: impl EventHandler<A, R>) -> Erased {
    let handler = Arc::new(handler);
    Arc::new(move |event| Arc::clone(&handler).handle(event, R::reply))
}

/// A middleware, which may refuse.
pub(crate) fn erased_middleware<A>(middleware: impl EventHandler<A, Result<(), Refusal>>) -> Erased {
    let middleware = Arc::new(middleware);
    Arc::new(move |event| Arc::clone(&middleware).handle(event, |passed| passed.map_err(Failure::Refused)))
}
