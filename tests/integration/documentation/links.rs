//! Links within the repository lead somewhere.

use std::path::{Path, PathBuf};

use super::pages;

/// The targets of a page's links and pictures, code left out.
fn targets(text: &str) -> Vec<String> {
    let prose = text.split("```").step_by(2).collect::<String>();
    let prose = prose.split('`').step_by(2).collect::<String>();
    prose
        .split("](")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once(')')?.0.to_owned()))
        .collect()
}

/// The anchors that a page's headings have, as they are made by GitHub.
fn anchors(text: &str) -> Vec<String> {
    let prose = text.split("\n```").step_by(2).collect::<String>();
    let headings = prose
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| line.trim_start_matches('#').trim());
    let slug = |heading: &str| {
        let kept = heading
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
            .collect::<String>();
        kept.replace(' ', "-")
    };
    headings.map(slug).collect()
}

fn complaint(page: &Path, text: &str, target: &str) -> Option<String> {
    let (file, anchor) = target
        .split_once('#')
        .map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let place: PathBuf = if file.is_empty() {
        page.to_owned()
    } else {
        page.parent().unwrap().join(file)
    };
    if !place.exists() {
        return Some(format!("{}: {target} is not there", page.display()));
    }
    let anchor = anchor?;
    let there = if file.is_empty() {
        text.to_owned()
    } else {
        std::fs::read_to_string(&place).unwrap()
    };
    (!anchors(&there).iter().any(|heading| heading == anchor))
        .then(|| format!("{}: {target} has no heading", page.display()))
}

#[test]
fn every_link_within_the_repository_leads_somewhere() {
    let (mut complaints, mut followed) = (Vec::new(), 0);
    for (page, text) in pages() {
        for target in targets(&text)
            .iter()
            .filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
        {
            followed += 1;
            complaints.extend(complaint(&page, &text, target));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert!(followed > 100, "only {followed} links were found");
}

#[test]
fn a_broken_link_is_found() {
    let page = crate::stack::checkout().join("README.md");
    for target in ["docs/nowhere.md", "docs/operations.md#nowhere", "#nowhere"] {
        assert!(complaint(&page, "# Here\n", target).is_some(), "{target}");
    }
    assert_eq!(complaint(&page, "# Here it `is`\n", "#here-it-is"), None);
    assert_eq!(
        targets("[a](b) `[c](d)` ![e](f)\n```\n[g](h)\n```\n"),
        ["b", "f"]
    );
}
