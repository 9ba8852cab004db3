//! Settings of doors that speak Engine.IO.

use std::sync::Arc;

use fanfare_hub::Handshake;

/// The cookie that the handshake of a session which polls may set, for balancers that want one; its value is the session's id.
#[derive(Clone, Debug)]
pub struct EngineCookie {
    /// Its name.
    pub name: String,
    /// What follows `name=id`, such as `; Path=/; HttpOnly; SameSite=Lax`.
    pub attributes: String,
}

/// What the server has of its own for doors that speak Engine.IO.
#[derive(Clone, Debug, Default)]
pub struct EngineOptions {
    /// Origins that other sites' pages may come from: each as a browser sends it, or `*` for all.
    pub origins: Vec<String>,
    /// The cookie of a handshake, if there is to be one.
    pub cookie: Option<EngineCookie>,
    /// Keep what a client said at its handshake, for applications that ask.
    pub handshakes: bool,
    /// Whether a session may be opened, by what its client says; all may where there is none.
    pub allow: Option<Allow>,
}

/// Decides on the handshake of a session.
#[derive(Clone)]
pub struct Allow(pub Arc<dyn Fn(&Handshake) -> bool + Send + Sync>);

impl std::fmt::Debug for Allow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Allow(…)")
    }
}
