//! What differs on purpose between the reference and Fanfare, with its reason; the comparer and the generator consult this
//! page and nothing else.
//!
//! Compared by what it means (`socketio::Meaning`): how JSON is written, how attachments are numbered, which of them no
//! placeholder names. A relay that does not write JSON anew is as right as one that does. Not compared at all: noops, and which
//! packets share a body, since both depend on when a poll comes.
//!
//! Never generated, because the reference's own answer depends on what it happens to read in one go:
//! - CONNECT and an event for the same namespace in one body or segment. It joins a moment later and closes for the event; had
//!   the event come by itself it would have been answered. Its clients wait for the answer to CONNECT.
//! - DISCONNECT and, with it, CONNECT or an event for the same namespace. It leaves a moment later: the one closes and the other is
//!   ignored, where each by itself would be answered, or would close.
//! - A valid packet and then a broken one in one go: the valid one's answer is lost or not.
//! - Anything but an event once a session over long-polling is dying; what it still answers is nobody's business.
//!
//! Never generated, because it is an accident of JavaScript: see [`is_left_out`]. And text that is not UTF-8 in a POST, which it
//! reads with replacement characters; base64 with characters that base64 has not, which it skips.

use super::transcript::{End, Transcript};

/// The reference reads ids and counts as JavaScript reads numbers: white space is 0, `1e0` and `0x1` are 1, and twenty digits are
/// rounded. Its clients send nothing but digits, so what else it makes of such text is an accident that nobody should copy.
///
/// Nor is a number kept that is beyond a double: the reference turns `1e999` into `null`, and a relay that does not write JSON
/// anew hands it on.
pub(crate) fn is_left_out(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('4').and_then(|rest| rest.get(1..)) else { return false };
    let json = rest.find(['[', '{', '"']).unwrap_or(rest.len());
    let (head, value) = rest.split_at(json);
    let binary = text.starts_with("45") || text.starts_with("46");
    let count = if binary { head.split_once('-').map_or(head, |(count, _)| count) } else { "" };
    let odd_count = !count.is_empty() && !count.bytes().all(|byte| byte.is_ascii_digit());
    let after = head.rsplit(',').next().unwrap_or(head);
    let after = if binary { after.rsplit('-').next().unwrap_or(after) } else { after };
    let blank = after.contains(char::is_whitespace);
    let long_id = after.bytes().filter(u8::is_ascii_digit).count() > 15;
    odd_count || blank || long_id || has_enormous_number(value)
}

fn has_enormous_number(value: &str) -> bool {
    let mut digits = 0;
    let after_exponent = value.split(['e', 'E']).skip(1).any(|rest| {
        let rest = rest.trim_start_matches(['+', '-']);
        rest.bytes().take_while(u8::is_ascii_digit).count() > 2
    });
    let longest = value.bytes().fold(0, |longest, byte| {
        digits = if byte.is_ascii_digit() { digits + 1 } else { 0 };
        longest.max(digits)
    });
    after_exponent || longest > 300
}

/// The same transcripts, as far as they must be the same.
pub(crate) fn alike(reference: &Transcript, ours: &Transcript) -> bool {
    reference.heard == ours.heard
        && asked_alike(&reference.asked, &ours.asked)
        && ends_alike(reference, ours)
        && posts_alike(reference, ours)
}

/// A WebSocket that asks for another version or another transport: the reference agrees to the upgrade and then writes an HTTP
/// 400 into the stream. The contract has it refused before the upgrade, where a client can read why.
fn asked_alike(reference: &[String], ours: &[String]) -> bool {
    let refused = ["400 Unsupported protocol version", "400 Bad request"];
    let alike = |(reference, ours): (&String, &String)| {
        reference == ours || (reference == "101" && refused.contains(&ours.as_str()))
    };
    reference.len() == ours.len() && reference.iter().zip(ours).all(alike)
}

fn ends_alike(reference: &Transcript, ours: &Transcript) -> bool {
    reference.end == ours.end
}

/// While a session lives each POST is answered the same. Once it is dead, what a POST gets depends on what is left of it at
/// that moment: the reference says `ok` while it waits for a last poll, then 400, and cuts off a request that it is reading.
/// No client looks: its next poll tells.
fn posts_alike(reference: &Transcript, ours: &Transcript) -> bool {
    if reference.end != End::Gone {
        return reference.posts == ours.posts;
    }
    let tells = |posts: &[String]| -> Vec<String> {
        posts.iter().filter(|post| !matches!(post.get(..3), Some("200" | "400" | "cut"))).cloned().collect()
    };
    tells(&reference.posts) == tells(&ours.posts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_accidents_are_left_out() {
        for text in [
            "42 [\"a\"]",
            "42/custom, [\"a\"]",
            "451e0-[\"a\"]",
            "45 1-[]",
            "421234567890123456[\"a\"]",
            "42[\"a\",1e999]",
            "451-1 [\"a\"]",
        ] {
            assert!(is_left_out(text), "{text}");
        }
        for text in [
            "42[\"a b\", 1]",
            "42/custom,1[\"a\",1e21]",
            "451-/custom,12[\"a\"]",
            "4",
            "2",
            "40",
            "",
            "é",
            "4é",
            "4abc",
            "42/cus tom,[\"a\"]",
        ] {
            assert!(!is_left_out(text), "{text}");
        }
    }
}
