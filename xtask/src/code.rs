//! Rust source reduced to what the compiler would act on, so that a word in a comment or a string is no finding.

/// The same text, line for line, with comments and the contents of strings as spaces.
pub(crate) fn code_only(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let length = token_to_blank(bytes, at);
        if length == 0 {
            out.push(bytes[at]);
            at += 1;
        } else {
            let end = (at + length).min(bytes.len());
            out.extend(bytes[at..end].iter().map(|&byte| if byte == b'\n' { b'\n' } else { b' ' }));
            at = end;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The production half of [`code_only`]: everything from an inline `#[cfg(test)] mod … {` on is blank.
/// Tests stand last in a file here, so that cut is exact.
pub(crate) fn production_code(source: &str) -> String {
    let code = code_only(source);
    let lines: Vec<&str> = code.lines().collect();
    let cut = lines.iter().enumerate().position(|(number, line)| {
        line.trim() == "#[cfg(test)]"
            && lines[number + 1..]
                .iter()
                .map(|line| line.trim())
                .find(|line| !line.starts_with("#["))
                .is_some_and(|line| line.contains("mod ") && line.ends_with('{'))
    });
    cut.map_or(code.clone(), |cut| lines[..cut].join("\n"))
}

/// How many bytes from `at` belong to a comment or a literal; 0 where code stands.
fn token_to_blank(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let word_before = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    match rest {
        [b'/', b'/', ..] => rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => block_comment(rest),
        [b'"', ..] => quoted(rest, 1),
        [b'r', b'"' | b'#', ..] if !word_before => raw_string(rest, 1),
        [b'b', b'r', b'"' | b'#', ..] if !word_before => raw_string(rest, 2),
        [b'\'', b'\\', ..] => {
            rest[3..].iter().position(|&byte| byte == b'\'').map_or(rest.len(), |end| end + 4)
        }
        [b'\'', _, b'\'', ..] => 3,
        _ => 0,
    }
}

fn block_comment(rest: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn quoted(rest: &[u8], start: usize) -> usize {
    let mut at = start;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// A raw string has no escapes and ends with a quote and as many hashes as it began with.
fn raw_string(rest: &[u8], prefix: usize) -> usize {
    let hashes = rest[prefix..].iter().take_while(|&&byte| byte == b'#').count();
    if rest.get(prefix + hashes) != Some(&b'"') {
        return 0; // a raw identifier such as r#type
    }
    let mut end = vec![b'"'];
    end.resize(hashes + 1, b'#');
    let body = prefix + hashes + 1;
    rest[body..]
        .windows(end.len())
        .position(|window| window == end)
        .map_or(rest.len(), |at| body + at + end.len())
}

/// Whether `line` has `word` with nothing that continues it on either side.
pub(crate) fn has_word(line: &str, word: &str) -> bool {
    let continues = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(word).any(|(at, _)| {
        !line[..at].chars().next_back().is_some_and(continues)
            && !line[at + word.len()..].chars().next().is_some_and(continues)
    })
}

/// The identifiers of a piece of code.
pub(crate) fn identifiers(code: &str) -> impl Iterator<Item = &str> {
    code.split(|character: char| !(character.is_alphanumeric() || character == '_'))
        .filter(|word| word.chars().next().is_some_and(|first| first.is_alphabetic() || first == '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_blank_and_lines_stay() {
        let source = "let a = \"unsafe \\\" x\"; // unsafe\n/* unsafe\n /* nested */ */ let b = r#\"unsafe \"quote\" \"#;\nlet c = '\"'; let d = b'\\''; fn f<'a>(x: &'a str) {}";
        let code = code_only(source);
        assert!(!code.contains("unsafe"), "{code}");
        assert_eq!(code.lines().count(), source.lines().count());
        assert!(code.contains("let b =") && code.contains("fn f<'a>(x: &'a str) {}"));
    }

    #[test]
    fn tests_at_the_end_are_not_production() {
        let source = "use std::fmt;\n#[cfg(test)]\nmod tests {\n use std::fs;\n}\n";
        assert!(!production_code(source).contains("std::fs"));
        let elsewhere = "#[cfg(test)]\nmod tests;\nuse std::fs;\n";
        assert!(production_code(elsewhere).contains("std::fs"));
    }

    #[test]
    fn a_word_is_whole() {
        assert!(has_word("a std::fs::read", "std::fs"));
        assert!(!has_word("std::fscache", "std::fs"));
    }
}
