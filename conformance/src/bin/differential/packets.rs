//! Packets: valid, odd and broken.

use fanfare_conformance::Random;
use fanfare_conformance::real::client_frame;
use fanfare_conformance::socketio::Packet;
use fanfare_websocket::Opcode;

use super::on_purpose::is_left_out;

/// The namespaces that a client has joined.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Joined {
    pub(crate) main: bool,
    pub(crate) custom: bool,
}

impl Joined {
    pub(crate) fn any(self) -> bool {
        self.main || self.custom
    }
}

/// Makes packets.
pub(crate) struct Packets<'a> {
    pub(crate) random: &'a mut Random,
}

const DEPTH_MAX: usize = 4;

const STRINGS: &[&str] = &[
    r#""""#,
    r#""a""#,
    r#""message""#,
    r#""é""#,
    r#""🎺""#,
    r#""\u00e9""#,
    r#""\ud83c\udfba""#,
    r#""\n\t\"\\\/""#,
    r#""\u0000""#,
    r#""42[\"message\"]""#,
    r#"",""#,
    r#""]""#,
    r#""/custom,""#,
    r#""\u2028""#,
    r#""b64""#,
    r#""_placeholder""#,
];
const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "1",
    "-1",
    "1.5",
    "1e3",
    "1E-7",
    "1e21",
    "123456789",
    "9007199254740991",
    "12345678901234567890",
    "0.1",
    "1.0",
    "5e-324",
];
const KEYS: &[&str] = &[
    r#""a""#,
    r#""b""#,
    r#""""#,
    r#""é""#,
    r#""num""#,
    r#""toJSON""#,
    r#""constructor""#,
    r#""0""#,
    r#""length""#,
];

/// What is no packet, or none at this place.
const BROKEN: &[&str] = &[
    "",
    "2",
    "7",
    "9",
    "abc",
    "2probe",
    "4",
    "4abc",
    "47",
    "48",
    "4-",
    r#"47["a"]"#,
    "42[]",
    "42{}",
    "42[null]",
    "42[true]",
    "42[[]]",
    "42[",
    "42]",
    r#"42["message""#,
    r#"42["message",]"#,
    r#"42["message"]x"#,
    r#"42["message"][]"#,
    r#"42['message']"#,
    r#"42["connect"]"#,
    r#"42["connect_error"]"#,
    r#"42["disconnect",1]"#,
    r#"42["disconnecting"]"#,
    r#"421["newListener"]"#,
    r#"42["removeListener"]"#,
    r#"42/random,["message"]"#,
    "42/random",
    "41[]",
    "41{}",
    r#"41"x""#,
    "41/random,",
    "44",
    r#"44{"message":"x"}"#,
    r#"44"x""#,
    "44/custom,{}",
    "40[]",
    r#"40"x""#,
    "40null",
    "40/custom,[]",
    "40{",
    "43{}",
    r#"43"x""#,
    "431null",
    "43[",
    "450-[\"message\"]",
    "4511-[\"message\"]",
    "45",
    "45-",
    "45-[\"message\"]",
    "45[\"message\"]",
    "45a-[\"message\"]",
    "451",
    "4599999999999-[\"message\"]",
    "460-[]",
    "46[]",
    "4612-[]",
    "451-{}",
    "451-[]",
    "451-[null]",
    r#"42"message""#,
    "42null",
    "421.5[\"message\"]",
    "42-1[\"message\"]",
    "40/custom,{",
    "43/random,1[]",
];

/// Texts that keep the connection and say nothing.
const TOLERATED: &[&str] = &[
    "42",
    "42[1]",
    "42[0,\"x\"]",
    "42[-1.5]",
    "421",
    "3",
    "3x",
    "43[]",
    "4398765[1]",
    "43",
    r#"42["nobody",1]"#,
    r#"4212["nobody"]"#,
    "0",
    "5",
    "6",
    "6x",
];

/// Frames that break RFC 6455, and Close frames.
pub(crate) const BROKEN_FRAMES: &[&[u8]] = &[
    // Text that is not UTF-8; not masked; RSV1; an opcode that there is not; a ping of 126 bytes; a continuation of nothing.
    &[0x81, 0x82, 0, 0, 0, 0, 0xFF, 0xFF],
    &[0x81, 0x01, b'3'],
    &[0xC1, 0x81, 0, 0, 0, 0, b'3'],
    &[0x83, 0x80, 0, 0, 0, 0],
    &[0x89, 0xFE, 0, 126, 0, 0, 0, 0],
    &[0x80, 0x81, 0, 0, 0, 0, b'3'],
    // More than the largest message, announced.
    &[0x81, 0xFF, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0],
    // Close: empty, 1000, 1001 with a reason, a code that may not be sent, half a code.
    &[0x88, 0x80, 0, 0, 0, 0],
    &[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8],
    &[0x88, 0x84, 0, 0, 0, 0, 0x03, 0xE9, b'o', b'k'],
    &[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xED],
    &[0x88, 0x81, 0, 0, 0, 0, 0x03],
];

impl Packets<'_> {
    /// A valid CONNECT, most of them without a payload.
    pub(crate) fn connect(&mut self, namespace: &str) -> Packet {
        if !self.random.once_in(3) {
            return format!("40{namespace}").into();
        }
        let payload = self.object(1, &mut None);
        format!("40{namespace}{payload}").into()
    }

    pub(crate) fn unknown_namespace(&mut self) -> Packet {
        let name = self.random.pick(&[
            "/random",
            "/custom/",
            "/customs",
            "/CUSTOM",
            "/",
            "/é",
            "/custom?a=1",
            "/__proto__",
        ]);
        // `/` is the main namespace: whoever is in it already is closed, on both sides.
        let name = if name == "/" { "//" } else { name };
        let payload = if self.random.once_in(3) { r#"{"token":"x"}"# } else { "" };
        format!("40{name},{payload}").into()
    }

    fn namespace(&mut self, joined: Joined) -> &'static str {
        match (joined.main, joined.custom) {
            (true, true) => self.random.pick(&["", "/custom,", "/,"]),
            (true, false) => self.random.pick(&["", "", "", "/,"]),
            _ => "/custom,",
        }
    }

    fn id(&mut self) -> String {
        match self.random.below(4) {
            0 | 1 => self.random.below(1_000).to_string(),
            2 => format!("00{}", self.random.below(100)),
            _ => "900719925474099".to_owned(),
        }
    }

    /// An event that the application answers, with its attachments.
    pub(crate) fn event(&mut self, joined: Joined) -> Vec<Packet> {
        let namespace = self.namespace(joined);
        let (name, id) =
            if self.random.once_in(2) { ("message", String::new()) } else { ("message-with-ack", self.id()) };
        // An id of an event that is not acknowledged means nothing.
        let id = if name == "message" && self.random.once_in(6) { self.id() } else { id };
        let mut attachments = self.random.once_in(4).then(Vec::new);
        let mut text = format!(r#"["{name}""#);
        for _ in 0..self.random.below(4) {
            text.push(',');
            self.blank(&mut text);
            text += &self.value(0, &mut attachments);
        }
        text.push(']');
        self.blank(&mut text);
        let attachments = attachments.unwrap_or_default();
        if attachments.is_empty() {
            return vec![format!("42{namespace}{id}{text}").into()];
        }
        let head = format!("45{}-{namespace}{id}{text}", attachments.len());
        std::iter::once(head.into()).chain(attachments.into_iter().map(Packet::Binary)).collect()
    }

    /// An acknowledgement that nobody waits for.
    pub(crate) fn acknowledgement(&mut self, joined: Joined) -> Vec<Packet> {
        let (namespace, id) = (self.namespace(joined), self.id());
        if self.random.once_in(3) {
            let head = format!(r#"461-{namespace}{id}[{{"_placeholder":true,"num":0}}]"#);
            return vec![head.into(), Packet::Binary(vec![1, 2])];
        }
        let value = self.value(1, &mut None);
        vec![format!("43{namespace}{id}[{value}]").into()]
    }

    pub(crate) fn tolerated(&mut self, joined: Joined, websocket: bool) -> Packet {
        if websocket && self.random.once_in(8) {
            return "1".into();
        }
        let text = self.random.pick(TOLERATED);
        match text.get(..2) {
            Some(head @ ("42" | "43")) if !joined.main => format!("{head}/custom,{}", &text[2..]).into(),
            _ => text.into(),
        }
    }

    pub(crate) fn wrong_probe(&mut self) -> Packet {
        (self.random.pick(&["2", "3probe", "2prob", "2probes", "40", "6", "abc", "", "42[\"message\"]"]))
            .into()
    }

    /// One that closes, or one at a wrong place.
    pub(crate) fn broken(&mut self, joined: Joined) -> Vec<Packet> {
        let placed = |number: &str| format!(r#"451-["message",{{"_placeholder":true,"num":{number}}}]"#);
        match self.random.below(12) {
            6 if joined.main => {
                let attachments = (0..11).map(|byte| Packet::Binary(vec![byte]));
                std::iter::once(r#"4511-["message"]"#.into()).chain(attachments).collect()
            }
            7 if joined.custom => vec![
                self.random
                    .pick(&["41/custom,[]", "41/custom,{}", "41/custom,x", "40/custom,", "42/custom,[]"])
                    .into(),
            ],
            0 => vec![Packet::Binary(vec![1, 2, 3])],
            1 => vec![placed("0").into(), r#"42["message"]"#.into()],
            2 => vec![placed("0").into(), placed("0").into()],
            3 => vec![
                placed(self.random.pick(&["1", "-1", "null", "\"0\"", "1e9"])).into(),
                Packet::Binary(vec![1]),
            ],
            4 if joined.main => vec![self.connect("")],
            5 => vec![format!("42/custom,{}[\"message\"]", self.id()).into()],
            _ => vec![self.random.pick(BROKEN).into()],
        }
    }

    /// A valid packet with one character more, less, or another one.
    pub(crate) fn mutated(&mut self, joined: Joined) -> Vec<Packet> {
        loop {
            let mut packets = if joined.any() && !self.random.once_in(4) {
                self.event(joined)
            } else {
                vec![self.connect(if joined.main { "/custom," } else { "" })]
            };
            let Some(Packet::Text(text)) = packets.first_mut() else { continue };
            let mut letters: Vec<char> = text.chars().collect();
            let at = self.random.below(letters.len());
            let other = self
                .random
                .pick(&['0', '1', '4', '-', ',', '/', '[', ']', '{', '}', '"', 'a', '.', ':', 'é', '\\']);
            match self.random.below(5) {
                0 => letters.insert(at, other),
                1 => drop(letters.remove(at)),
                2 => letters[at] = other,
                3 => letters.truncate(at),
                _ => letters.push(other),
            }
            *text = letters.into_iter().collect();
            if !is_left_out(text) {
                return packets;
            }
        }
    }

    /// Valid frames that are seldom seen: a message in fragments, a ping between them.
    pub(crate) fn frames(&mut self, joined: Joined) -> Vec<u8> {
        let text = format!("42{}[\"message\",\"é in fragments\"]", if joined.main { "" } else { "/custom," });
        let (first, rest) = text.as_bytes().split_at(1 + self.random.below(text.len() - 1));
        let mut wire = client_frame(Opcode::Text, false, false, first);
        if self.random.once_in(2) {
            wire.extend(client_frame(Opcode::Continuation, false, false, b""));
        }
        wire.extend(client_frame(Opcode::Pong, true, false, b"unasked"));
        wire.extend(client_frame(Opcode::Continuation, true, false, rest));
        wire
    }

    fn blank(&mut self, text: &mut String) {
        if self.random.once_in(8) {
            text.push_str(self.random.pick(&[" ", "\n", "\t", " \r\n "]));
        }
    }

    /// A JSON value. Attachments may stand in it where there is a list for them.
    fn value(&mut self, depth: usize, attachments: &mut Option<Vec<Vec<u8>>>) -> String {
        if let Some(attachments) = attachments
            && attachments.len() < 10
            && self.random.once_in(3)
        {
            let bytes = (0..self.random.below(40)).map(|_| self.random.word().to_le_bytes()[3]).collect();
            attachments.push(bytes);
            return format!(r#"{{"_placeholder":true,"num":{}}}"#, attachments.len() - 1);
        }
        match self.random.below(if depth < DEPTH_MAX { 10 } else { 6 }) {
            0 => "null".to_owned(),
            1 => self.random.pick(&["true", "false"]).to_owned(),
            2 | 3 => self.random.pick(NUMBERS).to_owned(),
            4 | 5 => {
                if self.random.once_in(20) {
                    return format!("\"{}\"", "long ".repeat(self.random.below(2_000)));
                }
                self.random.pick(STRINGS).to_owned()
            }
            6 | 7 => self.object(depth + 1, attachments),
            _ => {
                let items: Vec<String> =
                    (0..self.random.below(4)).map(|_| self.value(depth + 1, attachments)).collect();
                format!("[{}]", items.join(","))
            }
        }
    }

    fn object(&mut self, depth: usize, attachments: &mut Option<Vec<Vec<u8>>>) -> String {
        let mut members = Vec::new();
        for _ in 0..self.random.below(4) {
            let key = self.random.pick(KEYS);
            let value = self.value(depth + 1, attachments);
            members.push(format!("{key}:{value}"));
        }
        format!("{{{}}}", members.join(","))
    }
}
