//! What a client is told that is not let in.

use serde::Serialize;
use serde_json::Value;

/// Why a middleware does not let a client into its namespace, or an event to its handler. The client gets it as the
/// `connect_error` of its namespace: a message, and whatever data.
///
/// ```
/// # use fanfare::{App, Refusal};
/// # App::new().namespace("/", |root| {
/// root.middleware(async || -> Result<(), Refusal> { Err(Refusal::new("closed today")) })
/// # });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub(crate) message: String,
    pub(crate) data: Option<Value>,
}

impl Refusal {
    /// A refusal with these words.
    ///
    /// ```
    /// assert_eq!(fanfare::Refusal::new("closed today").to_string(), "closed today");
    /// ```
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), data: None }
    }

    /// A refusal of which the client is not told: whoever refuses has told it already, or does not want to.
    ///
    /// ```
    /// assert_eq!(fanfare::Refusal::silent().to_string(), "");
    /// ```
    #[must_use]
    pub fn silent() -> Self {
        Self { message: String::new(), data: None }
    }

    /// The same, with data for the client's program. Data that has no JSON form is left out.
    ///
    /// ```
    /// let refusal = fanfare::Refusal::new("not authorized").with_data(&[401]);
    /// assert_eq!(refusal.to_string(), "not authorized");
    /// ```
    #[must_use]
    pub fn with_data(self, data: &impl Serialize) -> Self {
        Self { data: serde_json::to_value(data).ok(), ..self }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

impl From<&str> for Refusal {
    fn from(message: &str) -> Self {
        Self::new(message)
    }
}

impl From<String> for Refusal {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}
