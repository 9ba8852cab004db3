//! Offers of permessage-deflate and their answers, RFC 7692 §5 and §7.1.

use super::extension::Extension;
use crate::deflate::{DeflateOptions, DeflateParameters, WINDOW_BITS_MAX, WINDOW_BITS_MIN};

pub(super) const PERMESSAGE_DEFLATE: &str = "permessage-deflate";
const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";

/// The parameters of one offer or answer, each at most once.
#[derive(Debug, Default, PartialEq, Eq)]
struct Parameters {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    /// In an offer it may stand without a value.
    client_max_window_bits: Option<Option<u8>>,
}

impl Parameters {
    /// `None` for an unknown parameter, one that repeats, or a value that is not allowed (RFC 7692 §7.1).
    fn parse(extension: &Extension) -> Option<Self> {
        let mut parameters = Self::default();
        for (name, value) in &extension.parameters {
            let name = name.to_ascii_lowercase();
            match (name.as_str(), value) {
                (SERVER_NO_CONTEXT_TAKEOVER, None) if !parameters.server_no_context_takeover => {
                    parameters.server_no_context_takeover = true;
                }
                (CLIENT_NO_CONTEXT_TAKEOVER, None) if !parameters.client_no_context_takeover => {
                    parameters.client_no_context_takeover = true;
                }
                (SERVER_MAX_WINDOW_BITS, Some(bits)) if parameters.server_max_window_bits.is_none() => {
                    parameters.server_max_window_bits = Some(window_bits(bits)?);
                }
                (CLIENT_MAX_WINDOW_BITS, bits) if parameters.client_max_window_bits.is_none() => {
                    let bits = match bits {
                        Some(bits) => Some(window_bits(bits)?),
                        None => None,
                    };
                    parameters.client_max_window_bits = Some(bits);
                }
                _ => return None,
            }
        }
        Some(parameters)
    }
}

/// 8 to 15 in decimal without leading zeros, RFC 7692 §7.1.2.
fn window_bits(value: &str) -> Option<u8> {
    let bits = value.parse().ok().filter(|bits| (8..=WINDOW_BITS_MAX).contains(bits))?;
    (!value.starts_with(['0', '+'])).then_some(bits)
}

/// The first offer that we can take, as the server answers it; with what the answer says of the client's window.
pub(super) fn answer(offers: &[Extension], options: DeflateOptions) -> Option<(DeflateParameters, String)> {
    let options = options.in_range();
    offers
        .iter()
        .filter(|offer| offer.name.eq_ignore_ascii_case(PERMESSAGE_DEFLATE))
        .find_map(|offer| answer_one(&Parameters::parse(offer)?, options))
}

fn answer_one(offer: &Parameters, options: DeflateOptions) -> Option<(DeflateParameters, String)> {
    let server_max_window_bits = match offer.server_max_window_bits {
        // zlib's raw deflate cannot keep to it, so this offer is declined.
        Some(bits) if bits < WINDOW_BITS_MIN => return None,
        bits => bits.unwrap_or(WINDOW_BITS_MAX).min(options.server_max_window_bits),
    };
    // A client that does not offer the parameter cannot be told (RFC 7692 §7.1.2.2), and our inflaters read every window.
    let client_max_window_bits = match offer.client_max_window_bits {
        Some(bits) => bits.unwrap_or(WINDOW_BITS_MAX).min(options.client_max_window_bits),
        None => WINDOW_BITS_MAX,
    };
    let parameters = DeflateParameters {
        server_no_context_takeover: offer.server_no_context_takeover || options.server_no_context_takeover,
        client_no_context_takeover: offer.client_no_context_takeover || options.client_no_context_takeover,
        server_max_window_bits,
        client_max_window_bits,
    };
    let says_server_window =
        offer.server_max_window_bits.is_some() || server_max_window_bits < WINDOW_BITS_MAX;
    let mut header = String::from(PERMESSAGE_DEFLATE);
    for (said, name) in [
        (parameters.server_no_context_takeover, SERVER_NO_CONTEXT_TAKEOVER),
        (parameters.client_no_context_takeover, CLIENT_NO_CONTEXT_TAKEOVER),
    ] {
        if said {
            header.push_str("; ");
            header.push_str(name);
        }
    }
    if says_server_window {
        header.push_str(&format!("; {SERVER_MAX_WINDOW_BITS}={server_max_window_bits}"));
    }
    if client_max_window_bits < WINDOW_BITS_MAX {
        header.push_str(&format!("; {CLIENT_MAX_WINDOW_BITS}={client_max_window_bits}"));
    }
    Some((parameters, header))
}

/// The offer of a client.
pub(super) fn offer(options: DeflateOptions) -> String {
    let options = options.in_range();
    let mut header = String::from(PERMESSAGE_DEFLATE);
    if options.server_no_context_takeover {
        header.push_str("; ");
        header.push_str(SERVER_NO_CONTEXT_TAKEOVER);
    }
    if options.client_no_context_takeover {
        header.push_str("; ");
        header.push_str(CLIENT_NO_CONTEXT_TAKEOVER);
    }
    if options.server_max_window_bits < WINDOW_BITS_MAX {
        header.push_str(&format!("; {SERVER_MAX_WINDOW_BITS}={}", options.server_max_window_bits));
    }
    header.push_str("; ");
    header.push_str(CLIENT_MAX_WINDOW_BITS);
    if options.client_max_window_bits < WINDOW_BITS_MAX {
        header.push_str(&format!("={}", options.client_max_window_bits));
    }
    header
}

/// What a server's answer agrees on; `None` if it does not fit the offer (RFC 7692 §5.1 and §7.1).
pub(super) fn agreed(answer: &Extension, offered: DeflateOptions) -> Option<DeflateParameters> {
    let offered = offered.in_range();
    let answer = Parameters::parse(answer)?;
    if offered.server_no_context_takeover && !answer.server_no_context_takeover {
        return None;
    }
    let server_max_window_bits = answer.server_max_window_bits.unwrap_or(WINDOW_BITS_MAX);
    if server_max_window_bits > offered.server_max_window_bits {
        return None;
    }
    let client_max_window_bits = match answer.client_max_window_bits {
        None => offered.client_max_window_bits,
        Some(Some(bits)) if bits <= offered.client_max_window_bits => bits,
        Some(_) => return None,
    };
    Some(DeflateParameters {
        server_no_context_takeover: answer.server_no_context_takeover,
        client_no_context_takeover: answer.client_no_context_takeover || offered.client_no_context_takeover,
        server_max_window_bits,
        client_max_window_bits,
    })
}

#[cfg(test)]
mod tests {
    use super::super::extension::parse;
    use super::*;

    fn parsed(value: &str) -> Vec<Extension> {
        let mut extensions = Vec::new();
        parse(value.as_bytes(), &mut extensions).unwrap();
        extensions
    }

    fn header(offers: &str, options: DeflateOptions) -> Option<String> {
        answer(&parsed(offers), options).map(|(_, header)| header)
    }

    const TAKEOVER: DeflateOptions = DeflateOptions {
        server_no_context_takeover: false,
        client_no_context_takeover: false,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    };
    const NO_TAKEOVER: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

    #[test]
    fn the_answer_follows_offer_and_options() {
        let default = DeflateOptions::default();
        assert_eq!(header("permessage-deflate", default).unwrap(), NO_TAKEOVER);
        assert_eq!(header("permessage-deflate; client_max_window_bits", default).unwrap(), NO_TAKEOVER);
        assert_eq!(header("permessage-deflate", TAKEOVER).unwrap(), "permessage-deflate");
        let small = DeflateOptions { server_max_window_bits: 11, client_max_window_bits: 10, ..TAKEOVER };
        assert_eq!(
            header("permessage-deflate", small).unwrap(),
            "permessage-deflate; server_max_window_bits=11"
        );
        assert_eq!(
            header("permessage-deflate; client_max_window_bits; server_max_window_bits=\"9\"", small)
                .unwrap(),
            "permessage-deflate; server_max_window_bits=9; client_max_window_bits=10"
        );
        assert_eq!(
            header("permessage-deflate; client_max_window_bits=8", small).unwrap(),
            "permessage-deflate; server_max_window_bits=11; client_max_window_bits=8"
        );
        assert_eq!(
            header("permessage-deflate; server_max_window_bits=15", TAKEOVER).unwrap(),
            "permessage-deflate; server_max_window_bits=15"
        );
    }

    #[test]
    fn a_declined_offer_leaves_the_next() {
        for bad in [
            "server_max_window_bits=8",
            "server_max_window_bits",
            "server_max_window_bits=16",
            "server_max_window_bits=09",
            "server_max_window_bits=7",
            "client_max_window_bits=x",
            "client_max_window_bits=99999",
            "server_no_context_takeover=1",
            "client_no_context_takeover; client_no_context_takeover",
            "client_max_window_bits; client_max_window_bits=10",
            "unknown",
        ] {
            assert_eq!(header(&format!("permessage-deflate; {bad}"), TAKEOVER), None, "{bad}");
            let two = format!("x-other, permessage-deflate; {bad}, permessage-deflate");
            assert_eq!(header(&two, TAKEOVER).unwrap(), "permessage-deflate", "{bad}");
        }
    }

    #[test]
    fn a_client_takes_what_it_offered() {
        let agreed = |answer: &str, offered| agreed(&parsed(answer)[0], offered);
        assert_eq!(offer(DeflateOptions::default()), format!("{NO_TAKEOVER}; client_max_window_bits"));
        assert!(agreed(NO_TAKEOVER, DeflateOptions::default()).is_some());
        assert_eq!(agreed("permessage-deflate", DeflateOptions::default()), None, "the server must confirm");
        assert_eq!(
            agreed("permessage-deflate; client_max_window_bits", TAKEOVER),
            None,
            "an answer has a value"
        );
        let small = DeflateOptions { server_max_window_bits: 10, ..TAKEOVER };
        assert_eq!(agreed("permessage-deflate", small), None);
        assert_eq!(agreed("permessage-deflate; server_max_window_bits=11", small), None);
        let parameters =
            agreed("permessage-deflate; server_max_window_bits=9; client_max_window_bits=12", small).unwrap();
        assert_eq!((parameters.server_max_window_bits, parameters.client_max_window_bits), (9, 12));
    }
}
