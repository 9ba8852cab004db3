//! One MessagePack item after another (the MessagePack specification, "Formats").

use crate::malformed::Malformed;

/// An item; arrays and maps are followed by what is in them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Item<'a> {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    /// UTF-8, if the sender was careful.
    Text(&'a [u8]),
    Binary(&'a [u8]),
    Array(u32),
    Map(u32),
    Extension {
        /// Whether its length is a part of its format: some meanings hang on that.
        fixed: bool,
        kind: i8,
        bytes: &'a [u8],
    },
}

/// Takes items from the front of a message.
#[derive(Debug)]
pub(super) struct Items<'a> {
    rest: &'a [u8],
    length: usize,
}

impl<'a> Items<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, length: bytes.len() }
    }

    /// That something is amiss here.
    pub(super) fn fault(&self) -> Malformed {
        Malformed::MessagePack { at: self.length - self.rest.len() }
    }

    /// Nothing may be left.
    pub(super) fn end(&self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.fault()) }
    }

    pub(super) fn next(&mut self) -> Result<Item<'a>, Malformed> {
        let format = self.number(0)? as u8;
        Ok(match format {
            0x00..=0x7f => Item::Unsigned(format.into()),
            0x80..=0x8f => Item::Map(u32::from(format & 0x0f)),
            0x90..=0x9f => Item::Array(u32::from(format & 0x0f)),
            0xa0..=0xbf => Item::Text(self.take(u64::from(format & 0x1f))?),
            0xc0 => Item::Null,
            0xc1 => return Err(self.fault()),
            0xc2 | 0xc3 => Item::Bool(format == 0xc3),
            0xc4..=0xc6 => Item::Binary(self.counted(format - 0xc4)?),
            0xc7..=0xc9 => {
                let length = self.number(format - 0xc7)?;
                self.extension(length, false)?
            }
            0xca => Item::Float(f32::from_bits(self.number(2)? as u32).into()),
            0xcb => Item::Float(f64::from_bits(self.number(3)?)),
            0xcc..=0xcf => Item::Unsigned(self.number(format - 0xcc)?),
            0xd0..=0xd3 => {
                let unused_bits = 64 - (8 << (format - 0xd0));
                Item::Signed((self.number(format - 0xd0)? << unused_bits) as i64 >> unused_bits)
            }
            0xd4..=0xd8 => self.extension(1 << (format - 0xd4), true)?,
            0xd9..=0xdb => Item::Text(self.counted(format - 0xd9)?),
            0xdc..=0xdd => Item::Array(self.number(format - 0xdb)? as u32),
            0xde..=0xdf => Item::Map(self.number(format - 0xdd)? as u32),
            0xe0..=0xff => Item::Signed((format as i8).into()),
        })
    }

    fn extension(&mut self, length: u64, fixed: bool) -> Result<Item<'a>, Malformed> {
        let kind = self.number(0)? as i8;
        Ok(Item::Extension { fixed, kind, bytes: self.take(length)? })
    }

    /// Bytes with their length before them.
    fn counted(&mut self, power: u8) -> Result<&'a [u8], Malformed> {
        let length = self.number(power)?;
        self.take(length)
    }

    /// A number of 1, 2, 4 or 8 bytes, by the power of two.
    fn number(&mut self, power: u8) -> Result<u64, Malformed> {
        let bytes = self.take(1 << power)?;
        Ok(bytes.iter().fold(0, |number, byte| (number << 8) + u64::from(*byte)))
    }

    /// What is there is lent; a length for more than that costs nothing.
    fn take(&mut self, length: u64) -> Result<&'a [u8], Malformed> {
        let split = usize::try_from(length).ok().and_then(|length| self.rest.split_at_checked(length));
        let (taken, rest) = split.ok_or_else(|| self.fault())?;
        self.rest = rest;
        Ok(taken)
    }
}
