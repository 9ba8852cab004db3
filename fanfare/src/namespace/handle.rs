//! A way to an app's namespaces from outside its handlers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use fanfare_driver::Remote;
use fanfare_hub::DoorId;

use super::command::{Scope, Selection};
use super::operators::Operators;

/// Tells one app of this process from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct AppId {
    number: u32,
    /// Its packets are msgpack, which any number of buffers fits in.
    pub(crate) is_msgpack: bool,
}

/// The servers that run, by their app. It is looked at by whoever speaks from outside a turn only.
static SERVERS: RwLock<Option<HashMap<u32, Remote>>> = RwLock::new(None);

impl AppId {
    pub(crate) fn new() -> Self {
        static LAST: AtomicU32 = AtomicU32::new(0);
        Self { number: LAST.fetch_add(1, Ordering::Relaxed), is_msgpack: false }
    }
}

/// The app is being served from now on.
pub(crate) fn running(app: AppId, remote: Remote) {
    SERVERS
        .write()
        .unwrap_or_else(PoisonError::into_inner)
        .get_or_insert_default()
        .insert(app.number, remote);
}

/// It is no more.
pub(crate) fn stopped(app: AppId) {
    if let Some(servers) = SERVERS.write().unwrap_or_else(PoisonError::into_inner).as_mut() {
        servers.remove(&app.number);
    }
}

pub(crate) fn remote_of(app: AppId) -> Option<Remote> {
    SERVERS.read().unwrap_or_else(PoisonError::into_inner).as_ref()?.get(&app.number).cloned()
}

/// An app's namespaces, from anywhere: tasks, threads, other services of the program. What is asked before the app is served,
/// or after, goes nowhere.
///
/// ```
/// # use fanfare::App;
/// let app = App::new().namespace("/news", |news| news);
/// let news = app.handle().of("/news").expect("it was just added");
/// std::thread::spawn(move || news.to("readers").emit("headline", "It works"));
/// ```
#[derive(Clone, Debug)]
pub struct Handle {
    pub(crate) app: AppId,
    /// The doors of fixed namespaces, and those of patterns.
    pub(crate) doors: Arc<Doors>,
}

#[derive(Debug, Default)]
pub(crate) struct Doors(pub(crate) Vec<(fanfare_hub::Namespace, DoorId)>);

impl Doors {
    pub(crate) fn find(&self, name: &str) -> Option<DoorId> {
        use fanfare_hub::Namespace::{Fitting, Named};
        let named = self.0.iter().find(|(own, _)| matches!(own, Named(own) if **own == *name));
        let fitting = || self.0.iter().find(|(own, _)| matches!(own, Fitting(fits) if fits(name)));
        named.or_else(fitting).map(|(_, door)| *door)
    }
}

impl Handle {
    /// A namespace by its name; `None` where the app has none that it fits.
    ///
    /// ```
    /// # use fanfare::App;
    /// # let app = App::new().namespace("/news", |news| news);
    /// assert!(app.handle().of("/news").is_some() && app.handle().of("/sports").is_none());
    /// ```
    #[must_use]
    pub fn of(&self, namespace: &str) -> Option<NamespaceHandle> {
        let door = self.doors.find(namespace)?;
        Some(NamespaceHandle { app: self.app, door, namespace: namespace.into() })
    }
}

/// One namespace, from anywhere. What can be done with its sockets is what [`Operators`] do.
///
/// ```
/// # use fanfare::App;
/// # let app = App::new().namespace("/news", |news| news);
/// # let news = app.handle().of("/news").unwrap();
/// news.to("readers").emit("headline", "It works").unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct NamespaceHandle {
    app: AppId,
    door: DoorId,
    namespace: Arc<str>,
}

impl NamespaceHandle {
    /// The namespace's name.
    ///
    /// ```
    /// # use fanfare::App;
    /// # let app = App::new().namespace("/news", |news| news);
    /// # let news = app.handle().of("/news").unwrap();
    /// assert_eq!(news.name(), "/news");
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        &self.namespace
    }

    /// Everyone in the namespace.
    ///
    /// ```
    /// # use fanfare::App;
    /// # let app = App::new().namespace("/news", |news| news);
    /// # let news = app.handle().of("/news").unwrap();
    /// news.everyone().volatile().emit("tick", ()).unwrap();
    /// ```
    pub fn everyone(&self) -> Operators {
        let scope = Scope::Named(Arc::clone(&self.namespace));
        let selection = Selection { scope, ..Selection::default() };
        Operators::new(self.app, self.door, selection)
    }

    /// Those in a room, which may be a socket's id; more rooms may follow.
    ///
    /// ```
    /// # use fanfare::App;
    /// # let app = App::new().namespace("/news", |news| news);
    /// # let news = app.handle().of("/news").unwrap();
    /// news.to("readers").emit("headline", "It works").unwrap();
    /// ```
    pub fn to(&self, room: impl AsRef<str>) -> Operators {
        self.everyone().to(room)
    }

    /// The same as [`to`](Self::to).
    ///
    /// ```
    /// # use fanfare::App;
    /// # let app = App::new().namespace("/news", |news| news);
    /// # let news = app.handle().of("/news").unwrap();
    /// news.within("readers").emit("headline", "It works").unwrap();
    /// ```
    pub fn within(&self, room: impl AsRef<str>) -> Operators {
        self.to(room)
    }

    /// Everyone but those in a room.
    ///
    /// ```
    /// # use fanfare::App;
    /// # let app = App::new().namespace("/news", |news| news);
    /// # let news = app.handle().of("/news").unwrap();
    /// news.except("sleepers").emit("headline", "It works").unwrap();
    /// ```
    pub fn except(&self, room: impl AsRef<str>) -> Operators {
        self.everyone().except(room)
    }

    /// Sends an event to everyone.
    ///
    /// ```
    /// # use fanfare::App;
    /// # let app = App::new().namespace("/news", |news| news);
    /// # let news = app.handle().of("/news").unwrap();
    /// news.emit("headline", "It works").unwrap();
    /// ```
    ///
    /// # Errors
    /// Where the arguments cannot be sent.
    pub fn emit(&self, name: &str, args: impl super::args::IntoArgs) -> Result<(), super::args::EmitError> {
        self.everyone().emit(name, args)
    }

    /// The sockets of the namespace.
    ///
    /// ```
    /// # use fanfare::App;
    /// # let app = App::new().namespace("/news", |news| news);
    /// # let news = app.handle().of("/news").unwrap();
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let there = news.fetch_sockets().await;
    /// assert!(there.is_empty(), "the app is not served");
    /// # });
    /// ```
    pub async fn fetch_sockets(&self) -> Vec<super::operators::RemoteSocket> {
        self.everyone().fetch_sockets().await
    }
}
