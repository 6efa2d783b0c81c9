//! Links within the repository have a target.

use super::pages;
use crate::stack::{checkout, read};

/// Returns the targets of the links and images of a page, outside code.
fn targets(text: &str) -> Vec<String> {
    let prose = text.split("```").step_by(2).collect::<String>();
    let prose = prose.split('`').step_by(2).collect::<String>();
    let targets = prose
        .split("](")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once(')')?.0));
    targets.map(str::to_owned).collect()
}

/// Returns the anchors of the headings of a page, as GitHub generates them.
fn anchors(text: &str) -> Vec<String> {
    let prose = text.split("\n```").step_by(2).collect::<String>();
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    let slug = |heading: &str| {
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = heading
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.collect::<String>().replace(' ', "-")
    };
    headings.map(slug).collect()
}

/// Returns what is wrong with a link of a page, if anything.
fn problem(page: &str, text: &str, target: &str) -> Option<String> {
    let (file, anchor) = target
        .split_once('#')
        .map_or((target, None), |(f, a)| (f, Some(a)));
    let path = if file.is_empty() {
        page.to_owned()
    } else {
        let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{folder}/{file}")
            .trim_start_matches('/')
            .to_owned()
    };
    if !checkout().join(&path).exists() {
        return Some(format!("{page}: {target} does not exist"));
    }
    let anchor = anchor?;
    let linked = if file.is_empty() {
        text.to_owned()
    } else {
        read(&path)
    };
    let exists = anchors(&linked).iter().any(|heading| heading == anchor);
    (!exists).then(|| format!("{page}: {target} has no heading"))
}

#[test]
fn links_within_the_repository_have_a_target() {
    let (mut problems, mut count) = (Vec::new(), 0);
    for (page, text) in pages() {
        let targets = targets(&text).into_iter();
        let external = |target: &String| target.contains("://") || target.starts_with("mailto:");
        for target in targets.filter(|target| !external(target)) {
            problems.extend(problem(&page, &text, &target));
            count += 1;
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(count > 100, "only {count} links");
}

#[test]
fn links_without_a_target_are_found() {
    for target in ["docs/nowhere.md", "docs/operations.md#nowhere", "#nowhere"] {
        assert!(
            problem("README.md", "# Here\n", target).is_some(),
            "{target}"
        );
    }
    assert_eq!(
        problem("README.md", "# Here it `is`\n", "#here-it-is"),
        None
    );
    assert_eq!(
        targets("[a](b) `[c](d)` ![e](f)\n```\n[g](h)\n```\n"),
        ["b", "f"]
    );
}
