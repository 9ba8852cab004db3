//! Rules on the pages: what a user wrote is text, and a strict content security policy holds.

use super::Problem;
use crate::workspace::Workspace;

/// What is forbidden in scripts and pages, and what to write instead.
const FORBIDDEN: &[(&str, &str)] = &[
    ("innerHTML", "make elements and set textContent"),
    ("outerHTML", "make elements and set textContent"),
    ("insertAdjacentHTML", "make elements and set textContent"),
    ("document.write", "make elements and set textContent"),
    ("srcdoc", "make elements and set textContent"),
    ("eval(", "the content security policy refuses it: write a function"),
    ("new Function(", "the content security policy refuses it: write a function"),
    ("javascript:", "the content security policy refuses it: listen to an event"),
];

/// What a page may not hold besides: anything inline.
const FORBIDDEN_IN_PAGES: &[(&str, &str)] = &[
    (" style=", "the content security policy refuses it: use a class"),
    ("<style", "the content security policy refuses it: link a style sheet"),
    ("<script>", "the content security policy refuses it: load a module by `src`"),
    (" onclick=", "the content security policy refuses it: listen to the event in a module"),
    (" onload=", "the content security policy refuses it: listen to the event in a module"),
    ("http://", "everything that a page loads comes from its own server"),
];

/// How every page begins, line for line, apart from what a page has of its own after each of these. `UP` is the way to the
/// first page; there is no build step that would write this into each of them.
const BEGINNING: &[&str] = &[
    "<!doctype html>",
    "<html lang=\"en\">",
    "<meta charset=\"utf-8\">",
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1",
    "<meta name=\"color-scheme\" content=\"light dark\">",
    "<title>",
    "<link rel=\"icon\" href=\"UPshared/mark.svg\">",
    "<link rel=\"stylesheet\" href=\"UPshared/base.css\">",
    "<script type=\"module\" src=\"",
    "<body",
    "<header class=\"bar\">",
    "<img src=\"UPshared/mark.svg\" alt=\"\" width=\"24\" height=\"24\">",
    "<span class=\"space\"></span>",
    "</header>",
];

/// Pages begin alike: the same head and the same header, in the same order.
pub(super) fn same_beginning(workspace: &Workspace) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in workspace.below("web/pages", &[".html"]) {
        let text = workspace.read(file).unwrap_or_default();
        let up = "../".repeat(file.matches('/').count() - 2);
        let mut lines = text.lines().zip(1..);
        let mut last = 1;
        for expected in BEGINNING {
            let expected = expected.replace("UP", &up);
            // On failure the rest of the page is used up, so that one gap is one finding.
            let Some((_, number)) = lines.find(|(line, _)| line.contains(&expected)) else {
                let what = format!("`{expected}` is not there, or not in its place");
                let mend = "begin as the other pages do, or change xtask/src/tidy/pages.rs and all of them";
                problems.push(Problem::new(file, last, what, mend));
                break;
            };
            last = number;
        }
    }
    problems
}

/// Nothing in web/ makes HTML of text, and no page has inline scripts or styles.
pub(super) fn no_html(workspace: &Workspace) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in workspace.below("web", &[".js", ".mjs", ".html"]) {
        let text = workspace.read(file).unwrap_or_default();
        let page = if file.ends_with(".html") { FORBIDDEN_IN_PAGES } else { &[] };
        for (number, line) in text.lines().enumerate() {
            for (word, mend) in FORBIDDEN.iter().chain(page) {
                if line.contains(word) {
                    problems.push(Problem::new(file, number + 1, format!("`{}`", word.trim()), *mend));
                }
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_from_text_and_inline_styles_are_found() {
        let workspace = Workspace::of_files(
            "pages",
            &[
                ("web/pages/a.js", "node.textContent = a;\nnode.innerHTML = b;\n"),
                ("web/pages/a.html", "<p style=\"x\">\n"),
            ],
        );
        assert_eq!(no_html(&workspace).len(), 2);
    }

    #[test]
    fn a_page_that_begins_otherwise_is_found() {
        let page = |up: &str| BEGINNING.join("\n").replace("UP", up);
        let (first, chat) = (page(""), page("../").replace("initial-scale=1", "initial-scale=1, more=yes"));
        let (wrong_way, no_icon) = (page(""), page("../").replace("rel=\"icon\"", "rel=\"mark\""));
        let workspace = Workspace::of_files(
            "beginnings",
            &[
                ("web/pages/index.html", &first),
                ("web/pages/chat/index.html", &chat),
                ("web/pages/echo/index.html", &wrong_way),
                ("web/pages/binary/index.html", &no_icon),
            ],
        );
        let found: Vec<String> = same_beginning(&workspace).iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[0].starts_with("web/pages/echo/index.html:6") && found[0].contains("icon"),
            "{found:?}"
        );
        assert!(found[1].starts_with("web/pages/binary/index.html:6"), "{found:?}");
    }
}
