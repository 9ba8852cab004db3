//! Whom something goes to, as clients of the application say it.

use fanfare::{Operators, Socket};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
pub(crate) struct How {
    from: String,
    #[serde(default)]
    to: Vec<String>,
    #[serde(default)]
    except: Vec<String>,
    #[serde(default)]
    volatile: bool,
    #[serde(default)]
    local: bool,
    compress: Option<bool>,
}

impl How {
    pub(crate) fn whom(&self, socket: Socket) -> Operators {
        let all = if self.from == "socket" { socket.broadcast() } else { socket.everyone() };
        let to = self.to.iter().fold(all, Operators::to);
        let mut operators = self.except.iter().fold(to, Operators::except);
        if self.volatile {
            operators = operators.volatile();
        }
        if self.local {
            operators = operators.local();
        }
        match self.compress {
            Some(compress) => operators.compress(compress),
            None => operators,
        }
    }
}

/// By their JSON.
pub(crate) fn sorted(values: impl Iterator<Item = Value>) -> Vec<Value> {
    let mut values: Vec<Value> = values.collect();
    values.sort_by_key(Value::to_string);
    values
}
