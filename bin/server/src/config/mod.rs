//! The configuration. One definition of a setting ([`definition`]) makes its flag, its environment name, its key in
//! the file, its default and its page in the manual; a flag wins over the environment, that over the file, that over
//! the default, and each value remembers where it came from.

mod definition;
mod file;
mod manual;
mod nearest;
mod settings;
mod source;
mod value;

pub(crate) use manual::{commented_file, manual};
pub(crate) use settings::Settings;
pub(crate) use source::{
    CONFIG_ENVIRONMENT, CONFIG_FLAG, Effective, Environment, Given, flags, from_environment,
};
pub(crate) use value::origins;
