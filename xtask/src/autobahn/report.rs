//! What the suite found.

use std::io::{Error, Result};
use std::path::Path;

use serde_json::Value;

use super::Judged;

/// The verdict on one role, with or without compression.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// Which side was judged.
    pub(crate) judged: Judged,
    /// permessage-deflate was on.
    pub(crate) deflate: bool,
    /// How many cases were judged.
    pub(crate) cases: usize,
    /// Cases in which every behaviour is allowed, so that the suite only informs.
    pub(crate) informational: usize,
    /// Cases that failed, are unimplemented or not strict: the case, its behaviour and its behaviour at the close.
    pub(crate) wrong: Vec<(String, String, String)>,
}

/// One line a report, and one a wrong case.
#[must_use]
pub(crate) fn summary(reports: &[Report]) -> String {
    let mut lines = String::new();
    for report in reports {
        let compression = if report.deflate { "with compression" } else { "without compression" };
        let (cases, wrong, informational) = (report.cases, report.wrong.len(), report.informational);
        lines.push_str(&format!(
            "{:?} {compression}: {cases} cases, {wrong} wrong, {informational} informational\n",
            report.judged
        ));
        for (case, behaviour, close) in &report.wrong {
            lines.push_str(&format!("  {case}: {behaviour}, close {close}\n"));
        }
    }
    lines
}

/// Reads the suite's `index.json`.
pub(super) fn read(path: &Path, agent: &str, judged: Judged, deflate: bool) -> Result<Report> {
    let index: Value = serde_json::from_slice(&std::fs::read(path)?)?;
    let cases = index
        .get(agent)
        .and_then(Value::as_object)
        .ok_or_else(|| Error::other(format!("{} has no cases of {agent}", path.display())))?;
    let mut report = Report { judged, deflate, cases: cases.len(), informational: 0, wrong: Vec::new() };
    for (case, verdict) in cases {
        let field = |name: &str| verdict.get(name).and_then(Value::as_str).unwrap_or("MISSING").to_owned();
        let (behaviour, close) = (field("behavior"), field("behaviorClose"));
        let right = |verdict: &str| matches!(verdict, "OK" | "INFORMATIONAL");
        if !right(&behaviour) || !right(&close) {
            report.wrong.push((case.clone(), behaviour, close));
        } else if behaviour == "INFORMATIONAL" {
            report.informational += 1;
        }
    }
    Ok(report)
}

/// Adds up the reports on the same role and compression.
pub(super) fn merge(reports: Vec<Report>) -> Vec<Report> {
    let mut merged: Vec<Report> = Vec::new();
    for report in reports {
        let same = merged.iter_mut().find(|one| one.judged == report.judged && one.deflate == report.deflate);
        match same {
            Some(one) => {
                one.cases += report.cases;
                one.informational += report.informational;
                one.wrong.extend(report.wrong);
            }
            None => merged.push(report),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_but_right_is_wrong() {
        let folder = std::env::temp_dir().join(format!("fanfare-autobahn-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("index.json");
        let index = r#"{"fanfare": {
            "1.1.1": {"behavior": "OK", "behaviorClose": "OK"},
            "7.1.6": {"behavior": "INFORMATIONAL", "behaviorClose": "INFORMATIONAL"},
            "6.4.1": {"behavior": "NON-STRICT", "behaviorClose": "OK"},
            "7.3.1": {"behavior": "OK", "behaviorClose": "FAILED"},
            "12.1.1": {"behavior": "UNIMPLEMENTED"}}}"#;
        std::fs::write(&path, index).unwrap();
        let report = read(&path, "fanfare", Judged::Server, true).unwrap();
        assert_eq!((report.cases, report.informational, report.wrong.len()), (5, 1, 3));
        let merged = merge(vec![report.clone(), report]);
        assert_eq!((merged.len(), merged[0].cases), (1, 10));
        assert!(summary(&merged).contains("6.4.1: NON-STRICT, close OK"));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
