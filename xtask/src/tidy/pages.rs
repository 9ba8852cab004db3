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
}
