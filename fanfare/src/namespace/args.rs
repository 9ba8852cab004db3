//! The arguments of an event: JSON as it travels, and the bytes beside it.

use std::collections::HashMap;

use fanfare_hub::elements;
use serde::Serialize;
use serde::de::{DeserializeOwned, Error as _};
use serde_json::Value;

/// The arguments of an event or an acknowledgement, as they travel: they can be passed on without being read.
///
/// ```
/// use fanfare::Args;
///
/// let args = Args::new().json(&"a").unwrap().binary(vec![1, 2]).json(&[3]).unwrap();
/// assert_eq!(args.len(), 3);
/// assert_eq!(args.get::<String>(0).unwrap(), "a");
/// assert_eq!(args.bytes(1), Some(&[1, 2][..]));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Args {
    pub(crate) json: String,
    pub(crate) attachments: Vec<Vec<u8>>,
}

/// Bytes: an argument by itself.
///
/// ```
/// # use fanfare::{App, Binary, Socket};
/// # App::new().namespace("/", |root| {
/// root.on("picture", async |socket: Socket, Binary(bytes): Binary| {
///     socket.broadcast().emit("picture", Binary(bytes))
/// })
/// # });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binary(pub Vec<u8>);

/// Why something cannot be sent.
///
/// ```
/// # use fanfare::{App, EmitError, Socket};
/// # App::new().namespace("/", |root| {
/// root.on("loop", async |socket: Socket| match socket.emit("connect", ()) {
///     Err(EmitError::Reserved(name)) => println!("{name} belongs to the protocol"),
///     _ => unreachable!("it is reserved"),
/// })
/// # });
/// ```
#[derive(Debug, thiserror::Error)]
pub enum EmitError {
    /// The value has no JSON form, such as a map whose keys are no strings.
    #[error("the value cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The name belongs to the protocol itself.
    #[error("{0:?} is a reserved event name")]
    Reserved(String),
    /// More buffers than a client would take; msgpack has no such limit.
    #[error("an event carries at most {MAX} buffers, this one {0}", MAX = fanfare_hub::ATTACHMENTS_MAX)]
    TooManyBuffers(usize),
}

/// What can be the arguments of an event: a reference to anything that serialises is one argument, [`Args`] are any number of
/// them, [`Binary`] is one buffer, `()` is none.
///
/// ```
/// use fanfare::{Args, Binary, IntoArgs};
///
/// assert_eq!("one".into_args().unwrap().len(), 1);
/// assert_eq!(Binary(vec![1]).into_args().unwrap().len(), 1);
/// assert_eq!(().into_args().unwrap().len(), 0);
/// assert_eq!(Args::new().json(&1).unwrap().json(&2).unwrap().into_args().unwrap().len(), 2);
/// ```
pub trait IntoArgs {
    /// The arguments.
    ///
    /// # Errors
    /// Where the value has no JSON form.
    fn into_args(self) -> Result<Args, EmitError>;
}

impl<T: Serialize + ?Sized> IntoArgs for &T {
    fn into_args(self) -> Result<Args, EmitError> {
        Ok(Args { json: serde_json::to_string(self)?, attachments: Vec::new() })
    }
}

impl IntoArgs for Args {
    fn into_args(self) -> Result<Args, EmitError> {
        Ok(self)
    }
}

impl IntoArgs for Binary {
    fn into_args(self) -> Result<Args, EmitError> {
        Ok(Args::new().binary(self.0))
    }
}

impl IntoArgs for () {
    fn into_args(self) -> Result<Args, EmitError> {
        Ok(Args::new())
    }
}

impl Args {
    /// No arguments.
    ///
    /// ```
    /// assert!(fanfare::Args::new().is_empty());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// These, and one more.
    ///
    /// ```
    /// use fanfare::Args;
    ///
    /// let args = Args::new().json("text").unwrap().json(&7).unwrap();
    /// assert_eq!(args.as_json(), "\"text\",7");
    /// ```
    ///
    /// # Errors
    /// Where the value has no JSON form.
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Result<Self, EmitError> {
        let text = serde_json::to_string(value)?;
        self.push(&text);
        Ok(self)
    }

    /// These, and a buffer.
    ///
    /// ```
    /// use fanfare::Args;
    ///
    /// assert_eq!(Args::new().binary(vec![1, 2]).bytes(0), Some(&[1, 2][..]));
    /// ```
    #[must_use]
    pub fn binary(mut self, bytes: Vec<u8>) -> Self {
        let number = self.attachments.len();
        self.push(&format!("{{\"_placeholder\":true,\"num\":{number}}}"));
        self.attachments.push(bytes);
        self
    }

    /// One argument that is JSON already, with the buffers that its placeholders stand for.
    ///
    /// ```
    /// use fanfare::Args;
    ///
    /// let heard = Args::new().binary(vec![1, 2]);
    /// let answer = format!("{{\"answer\":{}}}", heard.as_json());
    /// let answer = Args::from_json(answer, heard.buffers().to_vec()).unwrap();
    /// assert_eq!(answer.len(), 1);
    /// ```
    ///
    /// # Errors
    /// Where it is no JSON.
    pub fn from_json(text: String, buffers: Vec<Vec<u8>>) -> Result<Self, EmitError> {
        serde_json::from_str::<serde::de::IgnoredAny>(&text)?;
        Ok(Self { json: text, attachments: buffers })
    }

    fn push(&mut self, text: &str) {
        if !self.json.is_empty() {
            self.json.push(',');
        }
        self.json.push_str(text);
    }

    /// Those from `index` on, with their buffers.
    ///
    /// ```
    /// use fanfare::Args;
    ///
    /// let args = Args::new().binary(vec![1]).json("room").unwrap().binary(vec![2]);
    /// assert_eq!(args.from(1), Args::new().json("room").unwrap().binary(vec![2]));
    /// ```
    #[must_use]
    pub fn from(&self, index: usize) -> Self {
        let texts = elements(&self.json);
        let mut rest = Self::new();
        let mut numbers = HashMap::new();
        for text in texts.get(index..).unwrap_or_default() {
            match serde_json::from_str::<Value>(text) {
                Ok(mut value) if !self.attachments.is_empty() && text.contains("_placeholder") => {
                    renumber(&mut value, &self.attachments, &mut rest.attachments, &mut numbers);
                    rest.push(&value.to_string());
                }
                _ => rest.push(text),
            }
        }
        rest
    }

    /// How many there are.
    ///
    /// ```
    /// use fanfare::Args;
    ///
    /// assert_eq!(Args::new().json(&[1, 2, 3]).unwrap().len(), 1);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        elements(&self.json).len()
    }

    /// Whether there is none.
    ///
    /// ```
    /// assert!(fanfare::Args::new().is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.json.is_empty()
    }

    /// One of them, read. Buffers inside it are arrays of numbers to it.
    ///
    /// ```
    /// use fanfare::Args;
    ///
    /// assert_eq!(Args::new().json(&7).unwrap().get::<u8>(0).unwrap(), 7);
    /// ```
    ///
    /// # Errors
    /// Where there is none at `index`, or it is no `T`.
    pub fn get<T: DeserializeOwned>(&self, index: usize) -> Result<T, serde_json::Error> {
        let text = elements(&self.json).get(index).copied().unwrap_or("null");
        read(text, &self.attachments)
    }

    /// All of them, as a tuple, an array or a list.
    ///
    /// ```
    /// use fanfare::Args;
    ///
    /// let args = Args::new().json("room").unwrap().json(&7).unwrap();
    /// assert_eq!(args.all::<(String, u8)>().unwrap(), ("room".to_owned(), 7));
    /// ```
    ///
    /// # Errors
    /// Where they are no `T`.
    pub fn all<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        read(&format!("[{}]", self.json), &self.attachments)
    }

    /// The buffer that the argument at `index` is.
    ///
    /// ```
    /// use fanfare::Args;
    ///
    /// let args = Args::new().json("name").unwrap().binary(vec![9]);
    /// assert_eq!((args.bytes(0), args.bytes(1)), (None, Some(&[9][..])));
    /// ```
    #[must_use]
    pub fn bytes(&self, index: usize) -> Option<&[u8]> {
        let number = placeholder(elements(&self.json).get(index)?)?;
        self.attachments.get(number).map(Vec::as_slice)
    }

    /// The arguments as they stand in the packet: JSON texts with commas between them; where a buffer belongs,
    /// `{"_placeholder":true,"num":n}`.
    ///
    /// ```
    /// use fanfare::Args;
    ///
    /// assert_eq!(Args::new().json(&[1]).unwrap().as_json(), "[1]");
    /// ```
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.json
    }

    /// The buffers, by the numbers of their placeholders.
    ///
    /// ```
    /// use fanfare::Args;
    ///
    /// assert_eq!(Args::new().binary(vec![9]).buffers(), [[9]]);
    /// ```
    #[must_use]
    pub fn buffers(&self) -> &[Vec<u8>] {
        &self.attachments
    }
}

/// The number of the buffer that a text stands for.
pub(crate) fn placeholder(text: &str) -> Option<usize> {
    #[derive(serde::Deserialize)]
    struct Placeholder {
        #[serde(rename = "_placeholder")]
        is_one: bool,
        num: usize,
    }
    let placeholder: Placeholder = serde_json::from_str(text).ok()?;
    placeholder.is_one.then_some(placeholder.num)
}

/// Reads a value; the buffers in it become arrays of numbers, which is what serde knows bytes by in JSON.
///
/// # Errors
/// Where it does not fit `T`, or names a buffer twice: who sends a buffer once cannot have it copied any number of times.
pub(crate) fn read<T: DeserializeOwned>(text: &str, attachments: &[Vec<u8>]) -> Result<T, serde_json::Error> {
    if attachments.is_empty() {
        return serde_json::from_str(text);
    }
    let mut value: Value = serde_json::from_str(text)?;
    let mut left: Vec<Option<&[u8]>> = attachments.iter().map(|bytes| Some(bytes.as_slice())).collect();
    fill(&mut value, &mut left)?;
    serde_json::from_value(value)
}

/// The number of the buffer that a value stands for.
fn number_of(value: &Value) -> Option<usize> {
    let is_placeholder = value.get("_placeholder").and_then(Value::as_bool) == Some(true);
    let number = value.get("num").filter(|_| is_placeholder)?;
    usize::try_from(number.as_u64()?).ok()
}

/// Takes the buffers of a value over into `taken`, where its placeholders name them from now on. `numbers` are the new ones, by
/// the old: a buffer that is named twice stays one.
fn renumber(
    value: &mut Value,
    attachments: &[Vec<u8>],
    taken: &mut Vec<Vec<u8>>,
    numbers: &mut HashMap<usize, usize>,
) {
    if let Some(number) = number_of(value)
        && let Some(bytes) = attachments.get(number)
    {
        let new = *numbers.entry(number).or_insert_with(|| {
            taken.push(bytes.clone());
            taken.len() - 1
        });
        value["num"] = new.into();
        return;
    }
    match value {
        Value::Array(values) => {
            values.iter_mut().for_each(|value| renumber(value, attachments, taken, numbers));
        }
        Value::Object(members) => {
            members.values_mut().for_each(|value| renumber(value, attachments, taken, numbers));
        }
        _ => {}
    }
}

fn fill(value: &mut Value, left: &mut [Option<&[u8]>]) -> Result<(), serde_json::Error> {
    if let Some(number) = number_of(value)
        && let Some(there) = left.get_mut(number)
    {
        let bytes = there.take();
        let bytes =
            bytes.ok_or_else(|| serde_json::Error::custom(format!("buffer {number} is named twice")))?;
        *value = Value::from(bytes);
        return Ok(());
    }
    match value {
        Value::Array(values) => values.iter_mut().try_for_each(|value| fill(value, left)),
        Value::Object(members) => members.values_mut().try_for_each(|value| fill(value, left)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_bytes_wherever_they_stand() {
        #[derive(serde::Deserialize, Debug, PartialEq)]
        struct Said {
            data: Vec<u8>,
            name: String,
        }
        let args = Args {
            json: r#"{"name":"a","data":{"_placeholder":true,"num":1}},{"_placeholder":true,"num":0}"#
                .to_owned(),
            attachments: vec![vec![1], vec![2, 3]],
        };
        let said = Said { data: vec![2, 3], name: "a".to_owned() };
        assert_eq!(args.get::<Said>(0).expect("it fits"), said);
        assert_eq!((args.bytes(0), args.bytes(1), args.len()), (None, Some(&[1][..]), 2));
        assert!(args.get::<Said>(2).is_err());
        assert_eq!(args.all::<(Said, Vec<u8>)>().expect("both"), (said, vec![1]));
    }

    #[test]
    fn a_buffer_that_is_named_many_times_is_kept_once() {
        let json = [r#"{"_placeholder":true,"num":0}"#; 3].join(",");
        let args = Args { json: format!("1,[{json}]"), attachments: vec![vec![7; 100]] };
        let error = args.get::<Value>(1).expect_err("copies");
        assert_eq!(error.to_string(), "buffer 0 is named twice");
        assert!(args.all::<Value>().is_err());
        let rest = args.from(1);
        assert_eq!((rest.as_json(), rest.buffers()), (&*format!("[{json}]"), &[vec![7; 100]][..]));
    }

    #[test]
    fn what_is_one_argument_and_what_is_none() {
        assert_eq!(().into_args().expect("none").as_json(), "");
        assert_eq!("x".into_args().expect("a text").as_json(), "\"x\"");
    }
}
