//! Links in Markdown lead somewhere: to a file of the repository, to a heading that is there.

use std::collections::BTreeMap;

use super::Problem;
use crate::workspace::Workspace;

/// Every relative link of every Markdown file has its target, and every `#anchor` its heading.
pub(super) fn lead_somewhere(workspace: &Workspace) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in workspace.files.iter().filter(|file| file.ends_with(".md")) {
        let text = workspace.read(file).unwrap_or_default();
        for (number, line) in prose(&text) {
            for target in targets(&without_code(line)) {
                if let Some((what, mend)) = broken(workspace, file, &target) {
                    problems.push(Problem::new(file, number, format!("`{target}`: {what}"), mend));
                }
            }
        }
    }
    problems
}

/// What is wrong with a link of `file`, and how to mend it.
fn broken(workspace: &Workspace, file: &str, target: &str) -> Option<(String, String)> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let Some(path) = resolved(file, path) else {
        let mend = "link to what a clone has, or by a whole address".to_owned();
        return Some(("it leads out of the repository".to_owned(), mend));
    };
    // Not `has`: what git ignores exists on one machine only.
    let folder = format!("{path}/");
    let there =
        path.is_empty() || workspace.files.iter().any(|file| *file == path || file.starts_with(&folder));
    if !there {
        let mend = "name the file as it is called now, relative to the one that links".to_owned();
        return Some((format!("there is no {path} in the repository"), mend));
    }
    if anchor.is_empty() || !path.ends_with(".md") {
        return None;
    }
    let text = workspace.read(&path).unwrap_or_default();
    let anchors = anchors(&text);
    if anchors.iter().any(|known| known == anchor) {
        return None;
    }
    Some((format!("{path} has no such heading"), format!("it has: {}", anchors.join(", "))))
}

/// The path from the root that `path` means in `file`; nothing where it leads out of the root.
fn resolved(file: &str, path: &str) -> Option<String> {
    if path.is_empty() {
        return Some(file.to_owned());
    }
    let mut parts: Vec<&str> = if path.starts_with('/') { Vec::new() } else { file.split('/').collect() };
    // The file itself; what is left is its folder.
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The lines outside fenced code, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fence = None;
    text.lines().zip(1..).filter_map(move |(line, number)| {
        let start = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| start.starts_with(mark));
        match (fence, mark) {
            (None, None) => return Some((number, line)),
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (Some(_), _) => {}
        }
        None
    })
}

/// The line without what stands in backticks.
fn without_code(line: &str) -> String {
    let mut rest = line;
    let mut kept = String::new();
    while let Some(start) = rest.find('`') {
        let ticks = rest[start..].chars().take_while(|&letter| letter == '`').count();
        let inside = start + ticks;
        let Some(length) = rest[inside..].find(&rest[start..inside]) else { break };
        kept.push_str(&rest[..start]);
        rest = &rest[inside + length + ticks..];
    }
    kept + rest
}

/// Where the links of a line lead: `[text](target)`, `[name]: target`, `src="target"`, `href="target"`.
fn targets(line: &str) -> Vec<String> {
    let mut targets: Vec<String> = after(line, "](")
        .filter_map(|rest| rest[..closing(rest)].split_whitespace().next())
        .map(bare)
        .collect();
    if line.starts_with('[') && !line.starts_with("[^") {
        targets.extend(after(line, "]: ").filter_map(|rest| rest.split_whitespace().next()).map(bare));
    }
    for attribute in ["src=\"", "href=\""] {
        targets.extend(after(line, attribute).filter_map(|rest| rest.split('"').next()).map(bare));
    }
    targets
}

fn after<'a>(line: &'a str, mark: &'a str) -> impl Iterator<Item = &'a str> {
    line.match_indices(mark).map(move |(at, _)| &line[at + mark.len()..])
}

fn bare(target: &str) -> String {
    target.trim_start_matches('<').trim_end_matches('>').to_owned()
}

/// Where the parenthesis closes that has just been opened.
fn closing(text: &str) -> usize {
    let mut open = 1;
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => open += 1,
            ')' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return at;
        }
    }
    text.len()
}

/// The anchors that a page of the repository has: its headings as the hosts of repositories write them.
fn anchors(text: &str) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut anchors = Vec::new();
    for (_, line) in prose(text) {
        if let Some(heading) = heading(line) {
            let slug = slug(heading);
            let before = seen.entry(slug.clone()).or_default();
            anchors.push(if *before == 0 { slug } else { format!("{slug}-{before}") });
            *before += 1;
        }
        anchors.extend(after(line, "id=\"").filter_map(|rest| rest.split('"').next()).map(str::to_owned));
    }
    anchors
}

fn heading(line: &str) -> Option<&str> {
    let text = line.trim_start_matches('#');
    ((1..=6).contains(&(line.len() - text.len())) && text.starts_with(' ')).then(|| text.trim())
}

fn slug(heading: &str) -> String {
    // Of a link in a heading only its text counts.
    let mut text = heading.to_owned();
    while let Some(start) = text.find("](") {
        let end = start + 2 + closing(&text[start + 2..]);
        text.replace_range(start..(end + 1).min(text.len()), "");
    }
    let letter = |letter: char| match letter {
        ' ' => Some('-'),
        '-' | '_' => Some(letter),
        letter => letter.is_alphanumeric().then_some(letter),
    };
    text.to_lowercase().chars().filter_map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, text: &str) -> Vec<String> {
        let files = [
            (
                "README.md",
                "# House\n\n## What it can't do, yet\n\n## Twice\n## Twice\n<a id=\"by-hand\"></a>\n",
            ),
            ("docs/wire.md", text),
            ("docs/pictures/chat.png", "picture"),
            ("app/hub/src/lib.rs", "//! hub\n"),
        ];
        lead_somewhere(&Workspace::of_files(&format!("links-{name}"), &files))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn links_that_lead_somewhere_pass() {
        let text = "# Wire [spec](../README.md)\n\
                    [a](../README.md), ![b](pictures/chat.png \"a title\") and [`c`](<../app/hub/src/lib.rs#L1>)\n\
                    [folder](../app/hub/), [root](/README.md), [here](#wire-spec), [out](https://example.org/x)\n\
                    [yet](../README.md#what-it-cant-do-yet) [second](../README.md#twice-1) [x](../README.md#by-hand)\n\
                    [kept]: ../README.md#house\n\
                    <img src=\"pictures/chat.png\">\n\
                    `[not](a-link.md)` and ``[nor ` this](one.md)``\n\
                    ```md\n[nor](this.md)\n# nor a heading\n```\n";
        assert_eq!(found("fine", text), Vec::<String>::new());
    }

    #[test]
    fn each_broken_link_is_found_with_its_line() {
        let text = "# Wire\n\
                    [a](../GONE.md) and [b](README.md)\n\
                    [c](../../elsewhere/README.md)\n\
                    [d](../README.md#house-of-cards)\n\
                    [e](#nor-a-heading)\n\
                    [f]: ../gone.md\n\
                    <a href=\"gone.html\">\n\
                    ```\n# nor a heading\n```\n";
        let found = found("broken", text);
        for (line, what) in [
            (2, "there is no GONE.md"),
            (2, "there is no docs/README.md"),
            (3, "out of the repository"),
            (4, "README.md has no such heading"),
            (5, "docs/wire.md has no such heading"),
            (6, "there is no gone.md"),
            (7, "there is no docs/gone.html"),
        ] {
            let place = format!("docs/wire.md:{line}: ");
            assert!(
                found.iter().any(|one| one.starts_with(&place) && one.contains(what)),
                "{what}: {found:?}"
            );
        }
        assert_eq!(found.len(), 7, "{found:?}");
    }
}
